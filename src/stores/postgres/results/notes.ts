import type { Note, NoteStore, SubmissionNote } from '../../../backend/notes.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import type { Statement, Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { alsoOpening, GATED } from '../gate.ts'

const GET: Statement = {
  name: 'note',
  text: 'SELECT value FROM celeriac.note WHERE key = $1::text AND expires > $2::bigint',
}
const PUT: Statement = {
  name: 'put_note',
  text: `INSERT INTO celeriac.note (key, value, expires) VALUES ($1::text, $2::text, $3::bigint)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires`,
}
/** `$1` is the moment. `opens`: the gate that a note opens which is kept. Answers with these gates, in one row. */
const PUT_IF_ABSENT = new RowsStatement(
  'add_notes',
  { gate: 'int', opens: 'int', key: 'text', value: 'text', expires: 'int' },
  `, kept AS (
    INSERT INTO celeriac.note AS n (key, value, expires)
    SELECT key, value, expires FROM given WHERE ${GATED} ORDER BY key
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires WHERE n.expires <= $1::bigint
    RETURNING key
  ), opened AS MATERIALIZED (SELECT array_agg(g.opens) AS gates FROM kept k JOIN given g USING (key))
  SELECT array_to_json(gates)::text, ${alsoOpening('gates')} FROM opened`,
  1,
)

/**
 * The same of notes that replace one with an expected value. Locked in the order of their keys: two transactions must
 * not wait for each other.
 */
const REPLACE_ALL = new RowsStatement(
  'replace_notes',
  { gate: 'int', opens: 'int', key: 'text', value: 'text', expires: 'int', expected: 'text' },
  `, locked AS MATERIALIZED (
    SELECT n.key FROM celeriac.note n JOIN given g USING (key)
    WHERE ${GATED} AND n.value = g.expected AND n.expires > $1::bigint ORDER BY n.key FOR UPDATE OF n
  ), kept AS (
    UPDATE celeriac.note n SET value = g.value, expires = g.expires
    FROM given g JOIN locked USING (key) WHERE n.key = g.key AND n.value = g.expected
    RETURNING n.key
  ), opened AS MATERIALIZED (SELECT array_agg(g.opens) AS gates FROM kept k JOIN given g USING (key))
  SELECT array_to_json(gates)::text, ${alsoOpening('gates')} FROM opened`,
  1,
)

/** A note that is kept unless there is one of its key, or in place of the one with the expected value. */
export interface NoteAddition {
  readonly note: SubmissionNote
  /** The gate that is opened if it is kept. */
  readonly opens: number
  /** It is kept only if this gate is open. */
  readonly gate?: number | undefined
}

/** Notes in a database. */
export class Notes implements NoteStore {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  async get(key: string): Promise<string | undefined> {
    const [[row] = []] = await this.#database.run([getStep(key, this.#clock.now())], { repeatable: true })
    return row?.[0] ?? undefined
  }

  async put(note: Note): Promise<void> {
    await this.#database.run([putStep(note)], { repeatable: true })
  }

  async putIfAbsent(note: Note): Promise<boolean> {
    return this.#add(note)
  }

  replace(note: Note, expected: string): Promise<boolean> {
    return this.#add({ ...note, expected })
  }

  async #add(note: SubmissionNote): Promise<boolean> {
    const [answer = []] = await this.#database.run(this.additionSteps([{ note, opens: 1 }]))
    return keptGates(answer).has(1)
  }

  /** For the transaction of a caller. Each key once. The answers are for `keptGates`. */
  additionSteps(additions: readonly NoteAddition[]): Step[] {
    const fresh = PUT_IF_ABSENT.rows()
    const others = REPLACE_ALL.rows()
    for (const { note, opens, gate } of additions) {
      const { key, value, expires, expected } = note
      if (expected === undefined) fresh.add(gate, opens, key, value, expires)
      else others.add(gate, opens, key, value, expires, expected)
    }
    const now = Math.floor(this.#clock.now())
    const steps = others.length > 0 ? [REPLACE_ALL.step(others, now)] : []
    if (fresh.length > 0) steps.push(PUT_IF_ABSENT.step(fresh, now))
    return steps
  }
}

/** The step that reads a note at a moment, ms since the epoch: one row with its value, or none. */
export function getStep(key: string, now: number): Step {
  return { statement: GET, values: [key, Math.floor(now)] }
}

/** The step of `put`, for the transaction of a caller. */
export function putStep({ key, value, expires }: Note): Step {
  return { statement: PUT, values: [key, value, Math.ceil(expires)] }
}

/** The gates that the notes of a step of `additionSteps` have opened, of its answer. */
export function keptGates(answer: readonly (readonly (string | null)[])[]): Set<number> {
  return new Set(JSON.parse(answer[0]?.[0] ?? '[]') as number[])
}
