import { queueChannelSql } from '../connection/listening.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { arrayOf } from '../connection/rows.ts'
import { isLaneSql, nothingReadySql, queueOfSql } from '../schema/limitTables.ts'
import { returningNow } from './lanes.ts'

/*
 * Every statement on consumers and on what ends with them. A lease goes by the server's clock. The statements of a
 * consumer that ends, and those for dead ones, change a window of rows each: no transaction is long.
 */

/** What runs the statements: `Database` or `Link`. */
export interface Runner {
  /** The steps in one transaction: the rows of each. */
  run(steps: readonly Step[], options?: { readonly repeatable?: boolean }): Promise<Row[][]>
}

/** What one renewal found; ids of consumers. */
export interface Renewal {
  /** Those that still exist: their leases are renewed. */
  readonly kept: ReadonlySet<number>
  /** The lease of at least one of them was over before. */
  readonly wasOver: boolean
  /** Others whose lease is over; a part of them where they are many. */
  readonly dead: readonly number[]
}

/** Rows of one transaction. */
const WINDOW_ROWS = 200
/** Dead consumers of one round. */
const MAX_DEAD = 100

const REGISTER: Statement = {
  name: 'consumer_register',
  text: `INSERT INTO celeriac.consumer (name, lease, lease_until)
    VALUES ($1, $2::integer, clock_timestamp() + $2::integer * interval '1 millisecond') RETURNING id`,
}

/** The step that makes a consumer; its row is the id. The lease (ms) lasts from now on. */
export function registering(name: string, lease: number): Step {
  return { statement: REGISTER, values: [name, Math.ceil(lease)] }
}

/** A new consumer's id; its lease lasts for `lease` ms, then as long as it is renewed. */
export async function register(runner: Runner, name: string, lease: number): Promise<number> {
  // If it is sent twice, the lease of the first one ends unused.
  const [[row] = []] = await runner.run([registering(name, lease)], { repeatable: true })
  return Number(row?.[0])
}

/*
 * The time is read when a row is written, not at the beginning of the transaction: the statement may have waited for a
 * lock. The other parts see what was before the renewal.
 */
const RENEW: Statement = {
  name: 'consumer_renew',
  text: `WITH renewed AS (
    UPDATE celeriac.consumer SET lease_until = clock_timestamp() + lease * interval '1 millisecond'
    WHERE id = ANY ($1::bigint[]) RETURNING id
  )
  SELECT 'kept', id FROM renewed
  UNION ALL SELECT 'over', id FROM celeriac.consumer WHERE id = ANY ($1::bigint[]) AND lease_until < now()
  UNION ALL (
    SELECT 'dead', id FROM celeriac.consumer WHERE id <> ALL ($1::bigint[]) AND lease_until < now() LIMIT ${MAX_DEAD}
  )`,
}

/** Renews the leases of these consumers, and looks for dead ones, in one statement. */
export async function renew(runner: Runner, ids: readonly number[]): Promise<Renewal> {
  const [rows = []] = await runner.run([{ statement: RENEW, values: [arrayOf(ids)] }])
  const idsOf = (kind: string): number[] => rows.filter((row) => row[0] === kind).map((row) => Number(row[1]))
  return { kept: new Set(idsOf('kept')), wasOver: idsOf('over').length > 0, dead: idsOf('dead') }
}

const BURY: Statement = {
  name: 'consumer_bury',
  text: `DELETE FROM celeriac.consumer WHERE id IN (
    SELECT id FROM celeriac.consumer WHERE id = ANY ($1::bigint[]) AND lease_until < now() FOR UPDATE SKIP LOCKED
  ) RETURNING id`,
}

/**
 * Deletes those of these consumers whose lease is still over; returns how many. What they held is for `sweep`. Only
 * consumers that were seen dead: the statement may reach the server after an outage, when all leases are over.
 */
export async function bury(runner: Runner, dead: readonly number[]): Promise<number> {
  const [rows = []] = await runner.run([{ statement: BURY, values: [arrayOf(dead)] }])
  return rows.length
}

/** SQL: the consumer of this column does not exist. */
const goneSql = (column: string): string => `${column} <> ALL (ARRAY(SELECT id FROM celeriac.consumer))`

/*
 * A transaction that settles a message deletes the claim first: a claim that is locked is left out. The window after
 * begins behind the last seq: dead index entries before it are not walked again.
 */
function returning(name: string, isTheirs: string, lost: number): Statement {
  return {
    name,
    text: `WITH gone AS (
      DELETE FROM celeriac.claim WHERE seq IN (
        SELECT seq FROM celeriac.claim WHERE seq > $1::bigint AND ${isTheirs}
        ORDER BY seq LIMIT ${WINDOW_ROWS} FOR UPDATE SKIP LOCKED
      ) RETURNING seq, lane
    ), back AS (
      UPDATE celeriac.message SET claims = claims + 1, lost = lost + ${lost} WHERE seq IN (SELECT seq FROM gone)
      RETURNING ${queueOfSql('queue')} AS queue, ${isLaneSql('queue')} AS is_lane
    )
    SELECT (SELECT count(*) FROM gone), (SELECT max(seq) FROM gone),
      (SELECT count(pg_notify(${queueChannelSql('queue')}, CASE WHEN of_lanes THEN 'l' ELSE '' END))
      FROM (SELECT queue, bool_or(is_lane) AS of_lanes FROM back GROUP BY queue) AS queues),
      ${returningNow('gone')}`,
  }
}

/*
 * Messages of the transient queues of consumers that ended, delayed ones excepted: no index finds those by their queue.
 * The binding to '' goes last, in a later window: a transaction that has read the bindings before may add a message.
 */
function dropping(name: string, isTheirs: string): Statement {
  return {
    name,
    text: `WITH ended AS MATERIALIZED (
      SELECT queue FROM celeriac.binding WHERE consumer IS NOT NULL AND ${isTheirs}
      UNION SELECT l.name FROM celeriac.binding b JOIN celeriac.lane l USING (queue)
      WHERE consumer IS NOT NULL AND ${isTheirs}
    ), dropped AS (
      DELETE FROM celeriac.message WHERE seq IN (
        SELECT waiting.seq FROM ended CROSS JOIN LATERAL (
          SELECT seq FROM celeriac.message WHERE queue = ended.queue AND due IS NULL
          LIMIT ${WINDOW_ROWS} FOR UPDATE SKIP LOCKED
        ) AS waiting LIMIT ${WINDOW_ROWS}
      ) RETURNING seq
    ), freed AS (
      DELETE FROM celeriac.claim WHERE seq IN (SELECT seq FROM dropped)
    ), unbound AS (
      DELETE FROM celeriac.binding AS b WHERE consumer IS NOT NULL AND ${isTheirs} AND (
        exchange <> '' OR NOT EXISTS (SELECT FROM celeriac.binding WHERE queue = b.queue AND exchange <> '')
        AND ${nothingReadySql('b.queue')}
        AND NOT EXISTS (SELECT FROM celeriac.lane l JOIN celeriac.message m ON m.queue = l.name
          WHERE l.queue = b.queue AND m.due IS NULL)
      ) RETURNING exchange
    )
    SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM unbound)`,
  }
}

const SWEEP_CLAIMS = returning('sweep_claims', goneSql('consumer'), 1)
const SWEEP_QUEUES = dropping('sweep_queues', goneSql('consumer'))
const END_CLAIMS = returning('consumer_return', 'consumer = ANY ($2::bigint[])', 0)
const END_QUEUES = dropping('consumer_drop', 'consumer = ANY ($1::bigint[])')
const END: Statement = {
  name: 'consumer_end',
  text: 'DELETE FROM celeriac.consumer WHERE id = ANY ($1::bigint[])',
}

/**
 * What consumers that do not exist hold returns to its queue, counted as lost, and their transient queues are dropped.
 * A transaction that began before its consumer was deleted may commit a claim after that: for a later sweep.
 */
export async function sweep(runner: Runner): Promise<void> {
  await returnAll(runner, SWEEP_CLAIMS, [])
  await dropAll(runner, SWEEP_QUEUES, [])
}

/** Lanes and limits of one transaction, and transactions of one tidying. */
const TIDY_ROWS = 500
const MAX_TIDY_WINDOWS = 20

/** The function is not called where no limit was ever used. */
const TIDY: Statement = {
  name: 'limits_tidy',
  text: `SELECT t.last_lane, t.last_limiter FROM (SELECT WHERE EXISTS (SELECT FROM celeriac.limiter)) AS used
    CROSS JOIN LATERAL celeriac.tidy_limits($1::bigint, $2::bigint, ${TIDY_ROWS}) AS t`,
}

/** Where the next tidying begins. */
export interface TidyPlace {
  readonly lane: string
  readonly limiter: string
}

/** Empty lanes and idle limits are dropped, a part of them where they are many. Returns where the next one begins. */
export async function tidy(runner: Runner, { lane, limiter }: TidyPlace): Promise<TidyPlace> {
  let place = { lane, limiter }
  for (let windows = 0; windows < MAX_TIDY_WINDOWS; windows++) {
    const step = { statement: TIDY, values: [place.lane, place.limiter] }
    const [[row] = []] = await runner.run([step], { repeatable: true })
    place = { lane: row?.[0] ?? '0', limiter: row?.[1] ?? '0' }
    if (place.lane === '0' && place.limiter === '0') break
  }
  return place
}

/** Consumers end: what they hold returns to its queue, and their transient queues are dropped. */
export async function end(runner: Runner, ids: readonly number[]): Promise<void> {
  const theirs = [arrayOf(ids)]
  await returnAll(runner, END_CLAIMS, theirs)
  await dropAll(runner, END_QUEUES, theirs)
  await runner.run([{ statement: END, values: theirs }], { repeatable: true })
}

async function returnAll(runner: Runner, statement: Statement, theirs: readonly string[]): Promise<void> {
  for (let [count, last] = [WINDOW_ROWS, '0']; count === WINDOW_ROWS; ) {
    const [[row] = []] = await runner.run([{ statement, values: [last, ...theirs] }], { repeatable: true })
    count = Number(row?.[0])
    last = row?.[1] ?? last
  }
}

async function dropAll(runner: Runner, statement: Statement, theirs: readonly string[]): Promise<void> {
  for (let count = 1; count > 0; ) {
    const [[row] = []] = await runner.run([{ statement, values: theirs }], { repeatable: true })
    count = Number(row?.[0])
  }
}
