import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ChordListeners } from '../../../backend/chordListeners.ts'
import type {
  AddedMember,
  Adding,
  ChordKeeping,
  ChordPart,
  ChordStore,
  CompleteChord,
  OpenChord,
  PartSlice,
} from '../../../backend/chords.ts'
import { endOf, staleAfter } from '../../../backend/retention.ts'
import { encodeException, errorInfo } from '../../../protocol/exception.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { ALL_CONTENT_TYPES, deserialize, serialize } from '../../../protocol/serializer.ts'
import { DecodeError } from '../../../std/errors.ts'
import type { Connection, SqliteFile } from '../file.ts'
import { CHORD_VERSION } from '../migrations.ts'
import { changeWindow, writeInWindows } from '../window.ts'
import { SqliteChordWrites } from './chordWrites.ts'

/** Parts, and bytes of results, of one slice. */
const MAX_PARTS = 1000
const MAX_SLICE_BYTES = 2 ** 20
/** Place of the first part that has none in the header. */
const PLACELESS = 2 ** 40
/** A chord with more parts is dropped in several transactions. */
const MAX_PARTS_DROPPED_AT_ONCE = 500

interface ChordRow {
  readonly seq: number
  readonly size: number
  readonly done: number
  readonly since: number | null
}

interface PartSize {
  readonly place: number
  readonly bytes: number
}

interface PartRow {
  readonly place: number
  readonly taskId: string
  readonly state: ChordPart['state']
  readonly format: string
  readonly result: string | Uint8Array
}

/** Chords in a SQLite file. `open`, `adding`, `add` and `close` are for use inside a transaction. */
export class SqliteChords implements ChordStore {
  readonly shared = true
  readonly #file: SqliteFile
  readonly #keeping: ChordKeeping
  readonly #chords: OpenChords
  readonly #listeners = new ChordListeners()
  readonly writes: SqliteChordWrites
  readonly #sweeps: (() => Promise<void>)[] = []
  #prepared: Statements | undefined

  /** `save` writes a record, inside a transaction. */
  constructor(file: SqliteFile, keeping: ChordKeeping, save: (meta: TaskMeta) => boolean) {
    this.#file = file
    this.#keeping = keeping
    this.#chords = new OpenChords(file, keeping)
    this.writes = new SqliteChordWrites(file, this, save, keeping)
  }

  onComplete(listener: (chord: CompleteChord) => void): () => void {
    return this.#listeners.add(listener)
  }

  /** Have `complete` do this, too. */
  alsoSweep(sweep: () => Promise<void>): void {
    this.#sweeps.push(sweep)
  }

  async complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    await this.writes.endUnsent()
    const rows = await this.#file.read(
      () => this.#statements.left.all(before, this.now, limit) as unknown as readonly CompleteChord[],
    )
    for (const sweep of this.#sweeps) await sweep()
    await this.dropGone()
    return rows.map(({ group, callback }) => ({ group, callback }))
  }

  parts(group: string, from: number): Promise<PartSlice> {
    return this.#file.read(() => {
      const chord = this.#chords.find(group)
      if (chord?.since == null) return { parts: [] }
      const sizes = this.#statements.sizes.all(chord.seq, from, MAX_PARTS + 1) as unknown as PartSize[]
      const to = endOfSlice(sizes)
      if (to === undefined) return { parts: [] }
      const rows = this.#statements.parts.all(chord.seq, from, to) as unknown as PartRow[]
      const parts = rows.map((row) => partOf(group, row))
      const isLast = sizes.length <= MAX_PARTS && sizes.at(-1)?.place === to
      return isLast ? { parts } : { parts, next: to + 1 }
    })
  }

  progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    return this.#file.read(() => {
      const chord = this.#chords.find(group)
      return chord && { done: chord.done, size: chord.size }
    })
  }

  open(chords: readonly OpenChord[], due: number): void {
    this.#chords.open(chords, due)
  }

  adding(member: AddedMember, due: number): Adding {
    return this.#chords.adding(member, due)
  }

  isOpen(group: string): boolean {
    return this.#chords.find(group) !== undefined
  }

  /**
   * Returns the chords that this completes, for `notify` after the commit. `replaces` is false where a part that is
   * there stays. Throws EncodeError.
   */
  add(parts: readonly ChordPart[], replaces = true): readonly CompleteChord[] {
    return this.#chords.add(parts, replaces)
  }

  notify(completed: readonly CompleteChord[]): void {
    for (const chord of completed) this.#listeners.notify(chord)
  }

  /** False where it is not open. The parts of a large one are dropped later. */
  close(group: string): boolean {
    const chord = this.#chords.find(group)
    if (!chord) return false
    const { drop, retire } = this.#statements
    if (chord.size > MAX_PARTS_DROPPED_AT_ONCE) {
      retire.run(chord.seq)
      return true
    }
    this.#statements.dropParts.run(chord.seq, chord.seq, chord.size)
    drop.run(chord.seq)
    return true
  }

  /** Drop chords that have expired, and large ones that were closed. */
  async dropGone(): Promise<void> {
    const isThere = await this.#file.read(() => this.#statements.gone.get(this.now) !== undefined)
    if (!isThere) return
    const drop = (): boolean => changeWindow((limit) => this.#dropSome(limit))
    await writeInWindows(this.#file.writer, drop, { unref: true })
  }

  /** At most `limit` rows; returns how many. */
  #dropSome(limit: number): number {
    const { gone, dropParts, drop } = this.#statements
    for (let count = 0; ; count++) {
      const chord = count < limit ? (gone.get(this.now) as { seq: number } | undefined) : undefined
      if (!chord) return count
      count += Number(dropParts.run(chord.seq, chord.seq, limit - count).changes)
      if (count >= limit) return count
      drop.run(chord.seq)
    }
  }

  /** Most apps have no chords. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file.db)
    return this.#prepared
  }

  /** ms since the epoch */
  get now(): number {
    return this.#keeping.clock.now()
  }
}

/** The chords that are not complete. For use inside a transaction. */
export class OpenChords {
  readonly #connection: Connection
  readonly #keeping: ChordKeeping
  #prepared: OpenStatements | undefined
  #preparedParts: PartStatements | undefined

  constructor(connection: Connection, keeping: ChordKeeping) {
    this.#connection = connection
    this.#keeping = keeping
  }

  /** Members of these chords wait until `due`, ms since the epoch. */
  open(chords: readonly OpenChord[], due: number): void {
    if (chords.length === 0) return
    const { retireExpired, open } = this.#statements
    const expires = this.#endAfter(due)
    this.#connection.require(CHORD_VERSION)
    for (const { group, size } of chords) {
      retireExpired.run(group, this.#now)
      open.run(group, size, expires)
    }
  }

  /** Counts it, unless it was counted before: then it was sent. It waits until `due`, ms since the epoch. */
  adding({ group, taskId }: AddedMember, due: number): Adding {
    const chord = this.find(group)
    if (!chord || chord.since !== null) return 'ended'
    const { grow, resize } = this.#statements
    if (grow.run(chord.seq, taskId, PLACELESS).changes === 0) return 'known'
    resize.run(this.#endAfter(due), chord.seq)
    return 'new'
  }

  /** As `SqliteChords.add`. */
  add(parts: readonly ChordPart[], replaces = true): readonly CompleteChord[] {
    return parts.flatMap((part) => this.#add(part, replaces) ?? [])
  }

  #add(part: ChordPart, replaces: boolean): CompleteChord | undefined {
    const { group, index, taskId, state, result, callback, ends } = part
    const chord = this.find(group)
    if (!chord || chord.since !== null) return undefined
    const { seq, done, size } = chord
    const { body, contentType } = serialize(result, this.#keeping.serializer, 'result')
    // Those without a place come in the order in which they ended.
    const place = index ?? PLACELESS + done
    const { insert, fill, replace, count, complete } = this.#parts
    // The row of a member that was added later is there, and has no state yet.
    const isNew =
      insert.run(seq, taskId, place, state, contentType, body).changes === 1 ||
      fill.run(place, state, contentType, body, seq, taskId).changes === 1
    if (!isNew && !replaces) return undefined
    if (!isNew) replace.run(place, state, contentType, body, seq, taskId)
    const added = isNew ? 1 : 0
    if (done + added < size && !ends) {
      if (isNew) count.run(seq)
      return undefined
    }
    complete.run(added, this.#now, callback, seq)
    return { group, callback }
  }

  find(group: string): ChordRow | undefined {
    return this.#statements.chord.get(group, this.#now) as ChordRow | undefined
  }

  #endAfter(due: number): number {
    return endOf(staleAfter(this.#keeping.expires), Math.max(this.#now, due))
  }

  get #now(): number {
    return this.#keeping.clock.now()
  }

  /** Most apps have no chords. */
  get #statements(): OpenStatements {
    this.#prepared ??= prepareOpen(this.#connection)
    return this.#prepared
  }

  get #parts(): PartStatements {
    this.#preparedParts ??= prepareParts(this.#connection)
    return this.#preparedParts
  }
}

/** The last place of a slice: parts of the same place are not separated. */
function endOfSlice(sizes: readonly PartSize[]): number | undefined {
  let end = sizes[0]?.place
  let bytes = 0
  for (const size of sizes.slice(0, MAX_PARTS)) {
    bytes += size.bytes
    if (bytes > MAX_SLICE_BYTES) break
    end = size.place
  }
  return end
}

/** A part that cannot be read is a failed one: the chord must end. */
function partOf(group: string, { place, taskId, state, format, result }: PartRow): PartSlice['parts'][number] {
  const part = { group, index: place < PLACELESS ? place : undefined, taskId }
  try {
    const encoding = typeof result === 'string' ? 'utf-8' : 'binary'
    return { ...part, state, result: deserialize(result, format, encoding, ALL_CONTENT_TYPES) }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { ...part, state: 'FAILURE', result: encodeException(errorInfo(error)) }
  }
}

type Statements = ReturnType<typeof prepare>

function prepare(db: DatabaseSync) {
  return {
    left: db.prepare(`SELECT id AS "group", callback FROM celeriac_chord WHERE since < ? AND expires > ?
      ORDER BY since LIMIT ?`),
    // Without reading the results.
    sizes: db.prepare(`SELECT place, octet_length(result) AS bytes FROM celeriac_part
      WHERE chord = ? AND place >= ? ORDER BY place, task_id LIMIT ?`),
    parts: db.prepare(`SELECT place, task_id AS taskId, state, format, result FROM celeriac_part
      WHERE chord = ? AND place BETWEEN ? AND ? AND state <> '' ORDER BY place, task_id`),
    retire: db.prepare('UPDATE celeriac_chord SET id = NULL, since = NULL, expires = 0 WHERE seq = ?'),
    drop: db.prepare('DELETE FROM celeriac_chord WHERE seq = ?'),
    dropParts: db.prepare(`DELETE FROM celeriac_part WHERE chord = ? AND task_id IN
      (SELECT task_id FROM celeriac_part WHERE chord = ? LIMIT ?)`),
    gone: db.prepare('SELECT seq FROM celeriac_chord WHERE expires <= ? LIMIT 1'),
  } satisfies Record<string, StatementSync>
}

type OpenStatements = ReturnType<typeof prepareOpen>

function prepareOpen({ db }: Connection) {
  return {
    open: db.prepare(`INSERT INTO celeriac_chord (id, size, done, callback, since, expires)
      VALUES (?, ?, 0, '', NULL, ?) ON CONFLICT (id) DO UPDATE SET expires = max(expires, excluded.expires)`),
    chord: db.prepare('SELECT seq, size, done, since FROM celeriac_chord WHERE id = ? AND expires > ?'),
    grow: db.prepare(`INSERT INTO celeriac_part (chord, task_id, place, state, format, result)
      VALUES (?, ?, ?, '', '', '') ON CONFLICT (chord, task_id) DO NOTHING`),
    resize: db.prepare('UPDATE celeriac_chord SET size = size + 1, expires = max(expires, ?) WHERE seq = ?'),
    retireExpired: db.prepare(`UPDATE celeriac_chord SET id = NULL, since = NULL, expires = 0
      WHERE id = ? AND expires <= ?`),
  }
}

type PartStatements = ReturnType<typeof prepareParts>

function prepareParts({ db }: Connection) {
  return {
    insert: db.prepare(`INSERT INTO celeriac_part (chord, task_id, place, state, format, result)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chord, task_id) DO NOTHING`),
    fill: db.prepare(`UPDATE celeriac_part SET place = ?, state = ?, format = ?, result = ?, deadline = NULL
      WHERE chord = ? AND task_id = ? AND state = ''`),
    replace: db.prepare(`UPDATE celeriac_part SET place = ?, state = ?, format = ?, result = ?
      WHERE chord = ? AND task_id = ?`),
    count: db.prepare('UPDATE celeriac_chord SET done = done + 1 WHERE seq = ?'),
    complete: db.prepare('UPDATE celeriac_chord SET done = done + ?, since = ?, callback = ? WHERE seq = ?'),
  } satisfies Record<string, StatementSync>
}
