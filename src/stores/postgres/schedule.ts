import { uuid } from '../../std/id.ts'
import {
  type Due,
  type EntryChange,
  MAX_CLOCK_SKEW_MS,
  type ScheduleStore,
  type StoredEntry,
  type StoredRun,
} from '../scheduleStore.ts'
import type { Database } from './connection/database.ts'
import { channelOf, type Listening } from './connection/listening.ts'
import type { Row, Statement, Step } from './connection/pipeline.ts'
import { RowsStatement } from './connection/rows.ts'

const ENTRY = 's.name, s.token, s.entry'

const LIST: Statement = {
  name: 'entries',
  text: `SELECT ${ENTRY} FROM celeriac.schedule s WHERE s.app = $1 ORDER BY s.name COLLATE "C"`,
}
const LOAD = new RowsStatement(
  'load_entries',
  { name: 'text' },
  `SELECT g.at, ${ENTRY} FROM given g JOIN celeriac.schedule s ON s.app = $1 AND s.name = g.name`,
  1,
)
/** `$1` is the app, `$2` whether nothing is announced. Answers with the names of the entries that were changed. */
const SWAP = new RowsStatement(
  'swap',
  { name: 'text', previous: 'text', token: 'text', due: 'int', waiting: 'int', entry: 'text', runs: 'text' },
  `, added AS (
    INSERT INTO celeriac.schedule (app, name, token, due, waiting, entry)
    SELECT $1, name, token, due, waiting = 1, entry FROM given WHERE previous IS NULL AND entry IS NOT NULL
    ORDER BY at ON CONFLICT (app, name) DO NOTHING
    RETURNING name
  ), put AS (
    UPDATE celeriac.schedule s SET token = g.token, due = g.due, waiting = g.waiting = 1, entry = g.entry FROM given g
    WHERE s.app = $1 AND s.name = g.name AND s.token = g.previous AND g.entry IS NOT NULL
    RETURNING s.name
  ), removed AS (
    DELETE FROM celeriac.schedule s USING given g
    WHERE s.app = $1 AND s.name = g.name AND s.token = g.previous AND g.entry IS NULL
    RETURNING s.name, g.runs
  ), runs AS (
    INSERT INTO celeriac.schedule_run (app, id, until, run)
    SELECT $1, run.id, run.until, run.text
    FROM removed CROSS JOIN json_to_recordset(removed.runs::json) AS run (id text, until bigint, text text)
    ON CONFLICT (app, id) DO NOTHING
  ), done AS MATERIALIZED (
    SELECT name FROM added UNION ALL SELECT name FROM put UNION ALL SELECT name FROM removed
  ), counted AS (
    INSERT INTO celeriac.schedule_change AS c (app, number)
    SELECT $1, 1 WHERE NOT $2::boolean AND EXISTS (SELECT FROM done)
    ON CONFLICT (app) DO UPDATE SET number = c.number + 1
  )
  SELECT name, CASE WHEN NOT $2::boolean THEN pg_notify('celeriac.schedules', $1)::text END FROM done`,
  2,
)
/** Runs of changes of the same transaction that took effect: their entries have these tokens. */
const ADD_RUNS = new RowsStatement(
  'add_runs',
  { name: 'text', token: 'text', id: 'text', until: 'int', run: 'text' },
  `INSERT INTO celeriac.schedule_run (app, id, until, run)
  SELECT $1, g.id, g.until, g.run
  FROM given g JOIN celeriac.schedule s ON s.app = $1 AND s.name = g.name AND s.token = g.token
  ORDER BY g.at ON CONFLICT (app, id) DO NOTHING`,
  1,
)
const CHANGES: Statement = { name: 'changes', text: 'SELECT number FROM celeriac.schedule_change WHERE app = $1' }
const DUE: Statement = {
  name: 'due',
  text: `SELECT ${ENTRY} FROM celeriac.schedule s WHERE s.app = $1 AND s.due <= $2::bigint ORDER BY s.due
    LIMIT $3::bigint`,
}
const WAITING: Statement = {
  name: 'waiting',
  text: `SELECT ${ENTRY} FROM celeriac.schedule s WHERE s.app = $1 AND s.waiting`,
}
const CLAIMED: Statement = { name: 'claimed', text: 'SELECT id FROM celeriac.schedule_run WHERE app = $1' }
const NEXT: Statement = {
  name: 'next',
  text: `SELECT least(
    (SELECT min(due) FROM celeriac.schedule WHERE app = $1 AND due > $2::bigint),
    (SELECT min(until) FROM celeriac.schedule_run WHERE app = $1))`,
}
const TAKE_RUNS: Statement = {
  name: 'take_runs',
  text: `UPDATE celeriac.schedule_run SET until = $2::bigint WHERE app = $1 AND id IN (
      SELECT id FROM celeriac.schedule_run WHERE app = $1 AND (until <= $3::bigint OR until > $4::bigint)
      ORDER BY until LIMIT $5::bigint FOR UPDATE SKIP LOCKED
    ) RETURNING id, run`,
}
const END_RUNS = new RowsStatement(
  'end_runs',
  { id: 'text' },
  'DELETE FROM celeriac.schedule_run r USING given g WHERE r.app = $1 AND r.id = g.id',
  1,
)

/** A schedule in a database. */
export class PostgresScheduleStore implements ScheduleStore {
  readonly url: string
  readonly #database: Database
  readonly #listening: Listening
  readonly #app: string

  /** Apps that share a database have a schedule each. */
  constructor(database: Database, listening: Listening, app: string) {
    this.url = database.url
    this.#database = database
    this.#listening = listening
    this.#app = app
  }

  async list(): Promise<readonly StoredEntry[]> {
    return (await this.#read({ statement: LIST, values: [this.#app] })).map(entryOf)
  }

  async load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]> {
    if (names.length === 0) return []
    const rows = LOAD.rows()
    for (const name of names) rows.add(name)
    const found = await this.#read(LOAD.step(rows, this.#app))
    const byPlace = new Map(found.map(([at, ...entry]) => [Number(at), entryOf(entry)]))
    return names.map((_, at) => byPlace.get(at))
  }

  async swap(
    changes: readonly EntryChange[],
    { quiet = false }: { quiet?: boolean } = {},
  ): Promise<readonly boolean[]> {
    const layers = layersOf(changes)
    const steps = layers.flatMap((layer) => this.#swapSteps(layer, quiet))
    if (steps.length === 0) return []
    const answers = await this.#database.run(steps)
    const done = new Set<EntryChange>()
    for (const [at, layer] of layers.entries()) {
      for (const [name] of answers[at * STEPS_PER_LAYER] ?? []) done.add(layer.get(name as string) as EntryChange)
    }
    return changes.map((change) => done.has(change))
  }

  async untouched(): Promise<boolean> {
    return (await this.#changes()) === 0
  }

  async due(moment: number, limit: number): Promise<Due> {
    const app = this.#app
    const now = Math.floor(moment)
    // What is claimed last: where another beat claims runs meanwhile, the entries are older, and cannot be changed.
    const steps = [
      { statement: DUE, values: [app, now, limit] },
      { statement: WAITING, values: [app] },
      { statement: NEXT, values: [app, now] },
      { statement: CLAIMED, values: [app] },
    ]
    const [entries = [], waiting = [], [next] = [], claimed = []] = await this.#database.run(steps, {
      repeatable: true,
    })
    return {
      entries: entries.map(entryOf),
      waiting: waiting.map(entryOf),
      claimed: claimed.map(([id]) => id as string),
      next: next?.[0] == null ? undefined : Number(next[0]),
    }
  }

  async takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]> {
    const values = [this.#app, Math.ceil(until), Math.floor(now), Math.ceil(until) + MAX_CLOCK_SKEW_MS, limit]
    const [rows = []] = await this.#database.run([{ statement: TAKE_RUNS, values }])
    return rows.map(([id, text]) => ({ id: id as string, text: text as string }))
  }

  async endRuns(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const rows = END_RUNS.rows()
    for (const id of ids) rows.add(id)
    await this.#database.run([END_RUNS.step(rows, this.#app)], { repeatable: true })
  }

  async onChange(listener: () => void): Promise<() => Promise<void>> {
    let seen = await this.#changes()
    const look = async (): Promise<void> => {
      try {
        const now = await this.#changes()
        if (now === seen) return
        seen = now
      } catch {
        // It may have changed: the next caller that reads it gets the store's error.
      }
      listener()
    }
    const stop = await this.#listening.on(channelOf(this.#database.schema, 'schedules'), (payload) => {
      if (payload === undefined || payload === this.#app) void look()
    })
    // One that came before we listened.
    await look()
    return async () => stop()
  }

  async #changes(): Promise<number> {
    const [row] = await this.#read({ statement: CHANGES, values: [this.#app] })
    return Number(row?.[0] ?? 0)
  }

  async #read(step: Step): Promise<Row[]> {
    const [rows = []] = await this.#database.run([step], { repeatable: true })
    return rows
  }

  #swapSteps(layer: ReadonlyMap<string, EntryChange>, quiet: boolean): Step[] {
    const [entries, added] = [SWAP.rows(), ADD_RUNS.rows()]
    // In one order, so that no two transactions wait for each other.
    for (const { name, from, to, runs = [] } of [...layer.values()].sort(byName)) {
      const token = uuid()
      if (to) {
        entries.add(name, from, token, to.due, to.waiting ? 1 : 0, to.text, null)
        for (const { id, until, text } of runs) added.add(name, token, id, until, text)
      } else {
        const claimed = runs.map((run) => ({ ...run, until: Math.ceil(run.until) }))
        entries.add(name, from, token, null, 0, null, JSON.stringify(claimed))
      }
    }
    return [SWAP.step(entries, this.#app, quiet), ADD_RUNS.step(added, this.#app)]
  }
}

const STEPS_PER_LAYER = 2

/** The changes, in their order, so that each name is once in a layer. */
function layersOf(changes: readonly EntryChange[]): Map<string, EntryChange>[] {
  const layers: Map<string, EntryChange>[] = []
  for (const change of changes) {
    const at = layers.findLastIndex((layer) => layer.has(change.name)) + 1
    layers[at] ??= new Map()
    layers[at]?.set(change.name, change)
  }
  return layers
}

function byName({ name: one }: EntryChange, { name: other }: EntryChange): number {
  return one < other ? -1 : 1
}

function entryOf([name, token, text]: Row): StoredEntry {
  return { name: name as string, token: token as string, text: text as string }
}
