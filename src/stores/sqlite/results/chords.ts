import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ChordListeners } from '../../../backend/chordListeners.ts'
import type {
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
import type { SqliteFile } from '../file.ts'
import { SqliteChordWrites } from './chordWrites.ts'

/** Parts, and characters or bytes of results, of one slice. */
const MAX_PARTS = 1000
const MAX_SLICE_LENGTH = 2 ** 20

interface ChordRow {
  readonly size: number
  readonly done: number
  readonly since: number | null
}

interface PartRow {
  readonly place: number | null
  readonly taskId: string
  readonly state: ChordPart['state']
  readonly format: string
  readonly result: string | Uint8Array
}

/** Chords in a SQLite file. `open`, `add` and `close` are for use inside a transaction. */
export class SqliteChords implements ChordStore {
  readonly shared = true
  readonly #file: SqliteFile
  readonly #keeping: ChordKeeping
  readonly #listeners = new ChordListeners()
  readonly writes: SqliteChordWrites
  #prepared: Statements | undefined

  /** `save` writes a record, inside a transaction. */
  constructor(file: SqliteFile, keeping: ChordKeeping, save: (meta: TaskMeta) => boolean) {
    this.#file = file
    this.#keeping = keeping
    this.writes = new SqliteChordWrites(file, this, save, keeping)
  }

  onComplete(listener: (chord: CompleteChord) => void): () => void {
    return this.#listeners.add(listener)
  }

  async complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    await this.writes.endUnsent()
    return this.#file.read(() => {
      const rows = this.#statements.left.all(before, this.#now, limit) as unknown as readonly CompleteChord[]
      return rows.map(({ group, callback }) => ({ group, callback }))
    })
  }

  parts(group: string, from: number): Promise<PartSlice> {
    return this.#file.read(() => {
      if (this.#chord(group)?.since == null) return { parts: [] }
      const rows = this.#statements.parts.all(group, MAX_PARTS, from) as unknown as PartRow[]
      let [count, length] = [0, 0]
      while (count < rows.length && (count === 0 || length < MAX_SLICE_LENGTH))
        length += rows[count++]?.result.length ?? 0
      const parts = rows.slice(0, count).map((row) => partOf(group, row))
      return count < rows.length || rows.length === MAX_PARTS ? { parts, next: from + count } : { parts }
    })
  }

  progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    return this.#file.read(() => {
      const chord = this.#chord(group)
      return chord && { done: chord.done, size: chord.size }
    })
  }

  grow(group: string, taskId: string): Promise<boolean> {
    return this.#file.writer.write(() => {
      const chord = this.#chord(group)
      if (!chord || chord.since !== null) return false
      if (this.#statements.grow.run(group, taskId).changes === 1) this.#statements.resize.run(group)
      return true
    })
  }

  open(chords: readonly OpenChord[]): void {
    const expires = endOf(staleAfter(this.#keeping.expires), this.#now)
    for (const { group, size } of chords) this.#statements.open.run(group, size, expires)
  }

  isOpen(group: string): boolean {
    return this.#chord(group) !== undefined
  }

  /**
   * Returns the chords that this completes, for `notify` after the commit. `replaces` is false where a part that is
   * there stays. Throws EncodeError.
   */
  add(parts: readonly ChordPart[], replaces = true): readonly CompleteChord[] {
    return parts.flatMap((part) => this.#add(part, replaces) ?? [])
  }

  notify(completed: readonly CompleteChord[]): void {
    for (const chord of completed) this.#listeners.notify(chord)
  }

  /** False where it is not open. */
  close(group: string): boolean {
    this.#statements.drop.run(group)
    return this.#statements.close.run(group).changes === 1
  }

  /** Drop chords that have expired, at most `limit`. Returns how many. */
  clean(now: number, limit: number): number {
    const gone = this.#statements.clean.all(now, limit) as unknown as { id: string }[]
    for (const { id } of gone) this.close(id)
    return gone.length
  }

  #add(part: ChordPart, replaces: boolean): CompleteChord | undefined {
    const { group, index, taskId, state, result, callback, ends } = part
    const chord = this.#chord(group)
    if (!chord || chord.since !== null) return undefined
    const { body, contentType } = serialize(result, this.#keeping.serializer, 'result')
    const place = index ?? null
    const { insert, fill, replace, count, complete } = this.#statements
    // The row of a member that was added later is there, and has no state yet.
    const isNew =
      insert.run(group, taskId, place, state, contentType, body).changes === 1 ||
      fill.run(place, state, contentType, body, group, taskId).changes === 1
    if (!isNew) {
      if (replaces) replace.run(place, state, contentType, body, group, taskId)
      return undefined
    }
    count.run(callback, group)
    if (chord.done + 1 < chord.size && !ends) return undefined
    complete.run(this.#now, group)
    return { group, callback }
  }

  #chord(group: string): ChordRow | undefined {
    return this.#statements.chord.get(group, this.#now) as ChordRow | undefined
  }

  /** Most apps have no chords. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file.db)
    return this.#prepared
  }

  get #now(): number {
    return this.#keeping.clock.now()
  }
}

/** A part that cannot be read is a failed one: the chord must end. */
function partOf(group: string, { place, taskId, state, format, result }: PartRow): PartSlice['parts'][number] {
  const part = { group, index: place ?? undefined, taskId }
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
    open: db.prepare(`INSERT INTO celeriac_chord (id, size, done, callback, since, expires)
      VALUES (?, ?, 0, '', NULL, ?) ON CONFLICT (id) DO NOTHING`),
    chord: db.prepare('SELECT size, done, since FROM celeriac_chord WHERE id = ? AND expires > ?'),
    insert: db.prepare(`INSERT INTO celeriac_part (chord, task_id, place, state, format, result)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chord, task_id) DO NOTHING`),
    fill: db.prepare(`UPDATE celeriac_part SET place = ?, state = ?, format = ?, result = ?
      WHERE chord = ? AND task_id = ? AND state = ''`),
    replace: db.prepare(`UPDATE celeriac_part SET place = ?, state = ?, format = ?, result = ?
      WHERE chord = ? AND task_id = ?`),
    count: db.prepare('UPDATE celeriac_chord SET done = done + 1, callback = ? WHERE id = ?'),
    complete: db.prepare('UPDATE celeriac_chord SET since = ? WHERE id = ?'),
    left: db.prepare(`SELECT id AS "group", callback FROM celeriac_chord WHERE since < ? AND expires > ?
      ORDER BY since LIMIT ?`),
    parts: db.prepare(`SELECT place, task_id AS taskId, state, format, result FROM celeriac_part
      WHERE chord = ? AND state <> '' ORDER BY place IS NULL, place, task_id LIMIT ? OFFSET ?`),
    grow: db.prepare(`INSERT INTO celeriac_part (chord, task_id, place, state, format, result)
      VALUES (?, ?, NULL, '', '', '') ON CONFLICT (chord, task_id) DO NOTHING`),
    resize: db.prepare('UPDATE celeriac_chord SET size = size + 1 WHERE id = ?'),
    close: db.prepare('DELETE FROM celeriac_chord WHERE id = ?'),
    drop: db.prepare('DELETE FROM celeriac_part WHERE chord = ?'),
    clean: db.prepare('SELECT id FROM celeriac_chord WHERE expires <= ? LIMIT ?'),
  } satisfies Record<string, StatementSync>
}
