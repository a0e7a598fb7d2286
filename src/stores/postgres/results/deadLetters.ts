import type {
  DeadLetter,
  DeadLetterAmount,
  DeadLetterBounds,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  KeptDeadLetter,
  NewDeadLetter,
} from '../../../backend/dead/deadLetters.ts'
import { DEFAULT_BOUNDS, editedFacts, factsText, headText, pageOf, readFacts } from '../../../backend/dead/pages.ts'
import type { Redriven } from '../../../backend/unitOfWork.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Clock } from '../../../std/clock.ts'
import { columnsOf, envelopeOf, type Messages } from '../broker/messages.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement, Step, Value } from '../connection/pipeline.ts'
import { Plan } from '../connection/plan.ts'
import { RowsStatement } from '../connection/rows.ts'
import { GATED, opening } from '../gate.ts'
import type { Records } from './records.ts'

/** Ids of one statement. */
const MAX_IDS = 200
/** How many one statement drops that have expired, or are too many. */
const MAX_TRIMMED = 1000

const COLUMNS = 'task, queue, reason, died, owner, tags, facts, head, body, bytes'
const BURY = new RowsStatement(
  'bury_letters',
  {
    ...{ gate: 'int', id: 'text', task: 'text', queue: 'text', reason: 'text', died: 'int' },
    ...{ facts: 'text', head: 'text', body: 'text', bytes: 'bytes' },
  },
  `INSERT INTO celeriac.dead_letter (id, ${COLUMNS})
  SELECT g.id, g.task, g.queue, g.reason, g.died, o.owner, o.tags, g.facts, g.head, g.body, decode(g.bytes, 'base64')
  FROM given g LEFT JOIN celeriac.result r ON r.id = g.id LEFT JOIN celeriac.origin o ON o.seq = r.seq
  WHERE ${GATED} ORDER BY g.id
  ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, ${COLUMNS.split(', ')
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')}`,
)
const LOAD = new RowsStatement(
  'load_dead_letters',
  { id: 'text' },
  `SELECT d.seq, d.id, d.owner, to_json(d.tags), d.facts, d.head, d.body, d.bytes
  FROM given g JOIN celeriac.dead_letter d ON d.id = g.id`,
)
const DROP = new RowsStatement(
  'drop_dead_letters',
  { id: 'text' },
  `, locked AS MATERIALIZED (
    SELECT d.id FROM given g JOIN celeriac.dead_letter d ON d.id = g.id ORDER BY d.id FOR UPDATE OF d
  )
  DELETE FROM celeriac.dead_letter d USING locked l WHERE d.id = l.id RETURNING d.id`,
)
/** Opens the gate, by the number of the row, of each that was there in its version, and answers with these. */
const TAKE = new RowsStatement(
  'take_dead_letters',
  { id: 'text', version: 'int' },
  `, locked AS MATERIALIZED (
    SELECT g.at, d.id FROM given g JOIN celeriac.dead_letter d ON d.id = g.id AND d.seq = g.version
    ORDER BY d.id FOR UPDATE OF d
  ), gone AS (
    DELETE FROM celeriac.dead_letter d USING locked l WHERE d.id = l.id RETURNING l.at
  ), opened AS MATERIALIZED (SELECT array_agg(at) AS gates FROM gone)
  SELECT array_to_json(gates)::text, ${opening('gates')} FROM opened`,
)
const EDIT: Statement = {
  name: 'edit_dead_letter',
  text: `UPDATE celeriac.dead_letter SET seq = DEFAULT, facts = $3, head = $4, body = $5, bytes = $6::bytea
    WHERE id = $1 AND seq = $2::bigint RETURNING seq`,
}
const COUNT: Statement = {
  name: 'count_dead_letters',
  text: 'SELECT queue, count(*) FROM celeriac.dead_letter GROUP BY queue',
}
const AMOUNT: Statement = {
  name: 'amount_of_dead_letters',
  text: 'SELECT count(*), coalesce(sum(size), 0) FROM celeriac.dead_letter',
}
/**
 * `$1`: what died before has expired; `$2`: how many are kept; `$3`: how many bytes. The oldest, as far as they have
 * expired, or are too many or too large; `upto` and `before`: with and without it.
 */
const TRIM: Statement = {
  name: 'trim_dead_letters',
  text: `WITH amount AS MATERIALIZED (SELECT count(*) AS letters, sum(size) AS bytes FROM celeriac.dead_letter)
    DELETE FROM celeriac.dead_letter WHERE seq IN (
      SELECT seq FROM amount, (
        SELECT seq, died, row_number() OVER oldest AS upto, sum(size) OVER oldest - size AS before
        FROM (SELECT seq, died, size FROM celeriac.dead_letter ORDER BY seq LIMIT ${MAX_TRIMMED}) AS few
        WINDOW oldest AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
      ) AS old
      WHERE died < $1::bigint OR upto <= letters - $2::bigint OR (before < bytes - $3::bigint AND upto < letters)
    ) RETURNING 1`,
}

/** The clause of each filter that the store decides. A list has only those that it needs: then it can use an index. */
const CLAUSES = {
  task: (at: number) => `task = $${at}`,
  tasks: (at: number) => `task = ANY (ARRAY(SELECT json_array_elements_text($${at}::json)))`,
  queue: (at: number) => `queue = $${at}`,
  reason: (at: number) => `reason = $${at}`,
  owner: (at: number) => `owner = $${at}`,
  tag: (at: number) => `$${at} = ANY (tags)`,
  since: (at: number) => `died >= $${at}::bigint`,
} as const satisfies Partial<Record<keyof DeadLetterQuery, (at: number) => string>>
type Clause = keyof typeof CLAUSES

/** What it shares with the backend. */
export interface DeadLetterParts {
  readonly database: Database
  readonly records: Records
  readonly clock: Clock
  readonly bounds: DeadLetterBounds | undefined
}

/** A dead letter that is kept if a gate is open. */
export interface GatedLetter {
  readonly letter: NewDeadLetter
  readonly gate?: number | undefined
}

/** Dead letters in a database. */
export class PostgresDeadLetters implements DeadLetterStore {
  readonly #parts: DeadLetterParts
  readonly #bounds: DeadLetterBounds

  constructor(parts: DeadLetterParts) {
    this.#parts = parts
    this.#bounds = parts.bounds ?? DEFAULT_BOUNDS
  }

  async put(letters: readonly NewDeadLetter[]): Promise<void> {
    for (const some of pieces(letters, MAX_IDS))
      await this.#parts.database.run(this.steps(some.map((letter) => ({ letter }))), { repeatable: true })
  }

  /** The steps that keep these, in the transaction of the caller. A statement keeps one of an id. */
  steps(letters: readonly GatedLetter[]): Step[] {
    const layers: Map<string, GatedLetter>[] = []
    for (const one of letters) {
      const at = layers.findLastIndex((layer) => layer.has(one.letter.id)) + 1
      layers[at] ??= new Map()
      layers[at].set(one.letter.id, one)
    }
    return layers.map((layer) => {
      const rows = BURY.rows()
      for (const { letter, gate } of layer.values()) {
        const { id, task, queue, reason, died, envelope } = letter
        rows.add(gate, id, task, queue, reason, died, factsText(letter), headText(envelope), ...columnsOf(envelope))
      }
      return BURY.step(rows)
    })
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    const { oldest = false } = query
    const named = (Object.keys(CLAUSES) as Clause[]).filter((name) => query[name] !== undefined)
    const wanted = named.map((name): Value => {
      const value = query[name] as string | number | readonly string[]
      return typeof value === 'number' ? Math.ceil(value) : typeof value === 'string' ? value : JSON.stringify(value)
    })
    const statement = listOf(named, oldest)
    return pageOf(
      query,
      this.#bounds,
      this.#parts.clock.now(),
      async (after, count) => (await this.#rows({ statement, values: [after, count, ...wanted] })).map(letterOf),
      true,
    )
  }

  async load(ids: readonly string[]): Promise<(KeptDeadLetter | undefined)[]> {
    const found = new Map<string, KeptDeadLetter>()
    for (const some of pieces(ids, MAX_IDS)) {
      const rows = LOAD.rows()
      for (const id of some) rows.add(id)
      for (const row of await this.#rows(LOAD.step(rows))) {
        const [head, body, bytes] = row.slice(5) as [string, string | null, string | null]
        const letter = letterOf(row)
        const envelope = envelopeOf({ taskId: null, head, body, bytes })
        if (letter.died >= this.#from) found.set(letter.id, { ...letter, envelope })
      }
    }
    return ids.map((id) => found.get(id))
  }

  async edit(id: string, version: number, envelope: Envelope): Promise<boolean> {
    const [known] = await this.load([id])
    if (known?.version !== version) return false
    const facts = editedFacts({ ...known, envelope })
    const values = [id, version, facts, headText(envelope), ...columnsOf(envelope)]
    const [changed = []] = await this.#parts.database.run([{ statement: EDIT, values }])
    return changed.length > 0
  }

  async drop(ids: readonly string[]): Promise<number> {
    let count = 0
    for (const some of pieces(ids, MAX_IDS)) {
      const rows = DROP.rows()
      for (const id of some) rows.add(id)
      const [dropped = []] = await this.#parts.database.run([DROP.step(rows)])
      count += dropped.length
    }
    return count
  }

  async remove(id: string, version: number): Promise<void> {
    const rows = TAKE.rows()
    rows.add(id, version)
    await this.#parts.database.run([TAKE.step(rows)], { repeatable: true })
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#rows({ statement: COUNT, values: [] })
    return new Map(rows.map(([queue, count]) => [queue as string, Number(count)]))
  }

  async amount(): Promise<DeadLetterAmount> {
    const [[letters, bytes] = []] = await this.#rows({ statement: AMOUNT, values: [] })
    return { letters: Number(letters), bytes: Number(bytes) }
  }

  async trim(): Promise<void> {
    for (;;) {
      const values = [this.#from, this.#bounds.max, this.#bounds.maxBytes]
      const [dropped = []] = await this.#parts.database.run([{ statement: TRIM, values }], { repeatable: true })
      if (dropped.length < MAX_TRIMMED) return
    }
  }

  async reopen(metas: readonly TaskMeta[]): Promise<void> {
    const { database, records } = this.#parts
    if (metas.length === 0) return
    const steps = records.steps(metas.map((meta) => ({ meta, settling: 'reopen' })))
    await database.run([...steps, records.announcement(metas.map(({ task_id: id }) => id))])
  }

  /** `UnitOfWork.redrive`, with the messages of the same schema: each 200 are one transaction. */
  async redrive(letters: readonly Redriven[], messages: Messages): Promise<boolean[]> {
    const sent: boolean[] = []
    for (const some of pieces(letters, MAX_IDS)) sent.push(...(await this.#redriveSome(some, messages)))
    return sent
  }

  async #redriveSome(letters: readonly Redriven[], messages: Messages): Promise<boolean[]> {
    const { database, records } = this.#parts
    const plan = new Plan()
    const rows = TAKE.rows()
    for (const { id, version } of letters) rows.add(id, version)
    const taken = plan.add([TAKE.step(rows)])
    const writes = letters.flatMap(({ meta }, gate) => (meta ? [{ meta, gate, settling: 'reopen' as const }] : []))
    if (writes.length > 0) {
      plan.add(records.steps(writes))
      plan.add([records.announcement(writes.map(({ meta }) => meta.task_id))])
    }
    plan.add(
      messages.steps(
        letters.map(({ message: { envelope, route, notBefore } }, gate) => ({
          envelope,
          route,
          options: { notBefore },
          gate,
        })),
      ),
    )
    await plan.run(database)
    const gates = new Set(JSON.parse(taken()[0]?.[0]?.[0] ?? '[]') as number[])
    return letters.map((_, gate) => gates.has(gate))
  }

  /** What died before has expired, ms since the epoch. */
  get #from(): number {
    const { expires } = this.#bounds
    return expires === 0 ? 0 : Math.max(0, Math.floor(this.#parts.clock.now() - expires))
  }

  async #rows(step: Step): Promise<readonly Row[]> {
    const [rows = []] = await this.#parts.database.run([step], { repeatable: true })
    return rows
  }
}

/** `$1`: after which version, `$2`: how many. */
function listOf(named: readonly Clause[], oldest: boolean): Statement {
  const [than, order] = oldest ? ['>', 'ASC'] : ['<', 'DESC']
  const clauses = [`seq ${than} $1::bigint`, ...named.map((name, at) => CLAUSES[name](at + 3))]
  return {
    name: ['dead', order, ...named].join('_').toLowerCase(),
    text: `SELECT seq, id, owner, to_json(tags), facts FROM celeriac.dead_letter
      WHERE ${clauses.join(' AND ')} ORDER BY seq ${order} LIMIT $2::bigint`,
  }
}

function letterOf([seq, id, owner, tags, facts]: Row): DeadLetter {
  const own = { owner: owner ?? undefined, tags: tags == null ? undefined : (JSON.parse(tags) as string[]) }
  return readFacts(facts as string, { id: id as string, version: Number(seq), ...own })
}
