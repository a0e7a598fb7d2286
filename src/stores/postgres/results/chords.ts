import { ChordListeners } from '../../../backend/chordListeners.ts'
import type { ChordKeeping, ChordPart, ChordStore, CompleteChord, PartSlice } from '../../../backend/chords.ts'
import { encodeException, errorInfo } from '../../../protocol/exception.ts'
import { ALL_CONTENT_TYPES, deserialize } from '../../../protocol/serializer.ts'
import { DecodeError } from '../../../std/errors.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement } from '../connection/pipeline.ts'
import { ChordRows } from './chordRows.ts'
import { ChordSteps, completedOf, PLACELESS } from './chordSteps.ts'
import { PostgresChordWrites } from './chordWrites.ts'
import type { Records } from './records.ts'
import { contentOf } from './stored.ts'

/** Parts, and bytes of results, of one slice. */
const MAX_PARTS = 1000
const MAX_SLICE_BYTES = 2 ** 20

const PROGRESS: Statement = {
  name: 'progress',
  text: 'SELECT done, size FROM celeriac.chord WHERE id = $1 AND expires > $2::bigint',
}
const LEFT: Statement = {
  name: 'left',
  text: `SELECT id, callback FROM celeriac.chord WHERE since < $1::bigint AND expires > $2::bigint
    ORDER BY since LIMIT $3::bigint`,
}
/** Without reading the results. */
const SIZES: Statement = {
  name: 'part_sizes',
  text: `SELECT p.place, coalesce(octet_length(p.result), octet_length(p.bytes), 0)
    FROM celeriac.chord c JOIN celeriac.part p ON p.chord = c.seq
    WHERE c.id = $1 AND c.expires > $2::bigint AND c.since IS NOT NULL AND p.place >= $3::bigint
    ORDER BY p.place, p.task_id LIMIT ${MAX_PARTS + 1}`,
}
const PARTS: Statement = {
  name: 'parts',
  text: `SELECT p.place, p.task_id, p.state, p.format, p.result, encode(p.bytes, 'base64')
    FROM celeriac.chord c JOIN celeriac.part p ON p.chord = c.seq
    WHERE c.id = $1 AND p.place BETWEEN $2::bigint AND $3::bigint AND p.state <> '' ORDER BY p.place, p.task_id`,
}

/** Chords in a database. */
export class PostgresChords implements ChordStore {
  readonly shared = true
  /** For the transactions of others, who `notify` after the commit. */
  readonly rows: ChordRows
  readonly writes: PostgresChordWrites
  readonly #database: Database
  readonly #steps: ChordSteps
  readonly #listeners = new ChordListeners()

  constructor(database: Database, keeping: ChordKeeping, records: Records) {
    this.#database = database
    this.#steps = new ChordSteps(keeping)
    this.rows = new ChordRows(database, this.#steps)
    this.writes = new PostgresChordWrites(database, this.#steps, records, (completed) => this.notify(completed))
  }

  onComplete(listener: (chord: CompleteChord) => void): () => void {
    return this.#listeners.add(listener)
  }

  notify(completed: readonly CompleteChord[]): void {
    for (const chord of completed) this.#listeners.notify(chord)
  }

  async complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    await this.writes.endUnsent()
    const step = { statement: LEFT, values: [Math.floor(before), this.#steps.now, limit] }
    const [rows = []] = await this.#database.run([step], { repeatable: true })
    return completedOf(rows)
  }

  async parts(group: string, from: number): Promise<PartSlice> {
    const sizing = { statement: SIZES, values: [group, this.#steps.now, from] }
    const [answer = []] = await this.#database.run([sizing], { repeatable: true })
    const sizes = answer.map(([place, bytes]) => ({ place: Number(place), bytes: Number(bytes) }))
    const to = endOfSlice(sizes)
    if (to === undefined) return { parts: [] }
    const [rows = []] = await this.#database.run([{ statement: PARTS, values: [group, from, to] }], {
      repeatable: true,
    })
    const parts = rows.map((row) => partOf(group, row))
    const isLast = sizes.length <= MAX_PARTS && sizes.at(-1)?.place === to
    return isLast ? { parts } : { parts, next: to + 1 }
  }

  async progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    const step = { statement: PROGRESS, values: [group, this.#steps.now] }
    const [[row] = []] = await this.#database.run([step], { repeatable: true })
    return row && { done: Number(row[0]), size: Number(row[1]) }
  }
}

/** The last place of a slice: parts of the same place are not separated. */
function endOfSlice(sizes: readonly { readonly place: number; readonly bytes: number }[]): number | undefined {
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
function partOf(group: string, [place, id, state, format, text, bytes]: Row): PartSlice['parts'][number] {
  const index = Number(place) < PLACELESS ? Number(place) : undefined
  const part = { group, index, taskId: id as string }
  const content = contentOf(text, bytes)
  try {
    const encoding = typeof content === 'string' ? 'utf-8' : 'binary'
    const result = deserialize(content, format as string, encoding, ALL_CONTENT_TYPES)
    return { ...part, state: state as ChordPart['state'], result }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { ...part, state: 'FAILURE', result: encodeException(errorInfo(error)) }
  }
}
