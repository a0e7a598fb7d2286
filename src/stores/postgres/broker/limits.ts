import { MAX_COUNTED_WAITING } from '../../../broker/limiter.ts'
import type {
  BreakerChange,
  BreakerState,
  LimitFilter,
  LimitRule,
  LimitState,
  LimitStore,
  RunEnd,
} from '../../../broker/limits.ts'
import type { LimitName } from '../../../protocol/limits.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import { channelOf, type Listening } from '../connection/listening.ts'
import type { Row, Statement, Step, Value } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { IN_USE, PAUSE_TOPIC, STATE_COLUMNS } from '../schema/limitFunctions.ts'
import { NOT_CLAIMED } from './claims.ts'

const DEFINE: Statement = {
  name: 'limit_define',
  text: 'SELECT celeriac.define_limit($1, $2, $3::bigint, $4::bigint, $5::integer, $6, $7, $8)::text',
}
const PAUSE: Statement = { name: 'limit_pause', text: 'SELECT celeriac.pause_limit($1, $2, $3, $4)::text' }
const HOLD: Statement = { name: 'limit_hold', text: 'SELECT celeriac.hold_limit($1, $2, $3, $4)::text' }
const REPORT: Statement = {
  name: 'limit_report',
  text: 'SELECT state, open_until FROM celeriac.report_end($1, $2, $3::boolean, $4)',
}

/** SQL: how many messages wait that need the limiter of this id, as far as they are counted. */
function waitingSql(limiter: string): string {
  return `(SELECT count(*) FROM (
    SELECT 1 FROM celeriac.lane_limit n JOIN celeriac.lane l ON l.id = n.lane CROSS JOIN LATERAL (
      SELECT 1 FROM celeriac.message m WHERE m.queue = l.name AND m.due IS NULL AND ${NOT_CLAIMED}
      LIMIT ${MAX_COUNTED_WAITING}
    ) AS one WHERE n.limiter = ${limiter} LIMIT ${MAX_COUNTED_WAITING}
  ) AS counted)`
}

const STATES = new RowsStatement(
  'limit_states',
  { rule: 'text', key: 'text' },
  ` SELECT given.rule, given.key, ${STATE_COLUMNS}, ${waitingSql('m.id')}
  FROM given CROSS JOIN (SELECT $1::double precision AS moment) AS t
  LEFT JOIN celeriac.limiter m ON m.rule = given.rule AND m.key = given.key
  LEFT JOIN celeriac.limit_rule r ON r.name = given.rule ORDER BY given.at`,
  1,
)

/** Those after `$2` and `$3`; `$4`: of this rule alone. */
function listing(name: string, isWanted: string): Statement {
  return {
    name,
    text: `SELECT m.rule, m.key, ${STATE_COLUMNS}, ${waitingSql('m.id')}
    FROM (SELECT $1::double precision AS moment) AS t CROSS JOIN celeriac.limiter m
    LEFT JOIN celeriac.limit_rule r ON r.name = m.rule
    WHERE (m.rule, m.key) > ($2, $3) AND ($4::text IS NULL OR m.rule = $4) AND ${isWanted}
    ORDER BY m.rule, m.key LIMIT $5`,
  }
}

const LIST = listing('limit_list', `(${IN_USE} OR ${waitingSql('m.id')} > 0)`)
const LIST_PAUSED = listing('limit_list_paused', 'm.paused')

/** The limits of a schema. They go by the clock of the application. */
export class PostgresLimits implements LimitStore {
  readonly #database: Database
  readonly #session: Listening
  readonly #clock: Clock

  constructor(database: Database, session: Listening, clock: Clock) {
    this.#database = database
    this.#session = session
    this.#clock = clock
  }

  async define(rules: readonly LimitRule[]): Promise<void> {
    const steps = rules.map(({ name, rate, concurrency, breaker }) =>
      this.#step(DEFINE, [
        ...[name, rate?.interval, rate?.burst, concurrency],
        ...[breaker?.failures, breaker?.within, breaker?.pause],
      ]),
    )
    // In the order of their names, as any other process defines them.
    for (const step of steps.sort((a, b) => (String(a.values[0]) < String(b.values[0]) ? -1 : 1)))
      await this.#database.run([step], { repeatable: true })
  }

  async pause({ rule, key }: LimitName): Promise<void> {
    await this.#database.run([this.#step(PAUSE, [rule, key, true])], { repeatable: true })
  }

  async resume({ rule, key }: LimitName): Promise<void> {
    await this.#database.run([this.#step(PAUSE, [rule, key, false])], { repeatable: true })
  }

  onPause(listener: () => void): () => void {
    const listening = this.#session.on(channelOf(this.#database.schema, PAUSE_TOPIC), () => listener())
    // Where nothing can be listened to now, the caller reads now and then.
    listening.catch(() => undefined)
    return () => void listening.then((end) => end()).catch(() => undefined)
  }

  async holdBack({ rule, key }: LimitName, until: number): Promise<void> {
    await this.#database.run([this.#step(HOLD, [rule, key, until])], { repeatable: true })
  }

  async report(ends: readonly RunEnd[]): Promise<readonly BreakerChange[]> {
    const changes: BreakerChange[] = []
    // One after the other: each locks one limit.
    for (const { rule, key, ok } of ends) {
      const [rows = []] = await this.#database.run([this.#step(REPORT, [rule, key, ok])])
      for (const [state, until] of rows)
        changes.push({ rule, key, state: state as BreakerState, ...(until != null && { until: Number(until) }) })
    }
    return changes
  }

  async states(names: readonly LimitName[]): Promise<readonly LimitState[]> {
    if (names.length === 0) return []
    const rows = STATES.rows()
    for (const { rule, key } of names) rows.add(rule, key)
    const [found = []] = await this.#database.run([STATES.step(rows, this.#clock.now())], { repeatable: true })
    return found.map(stateOf)
  }

  async list({ rule, paused, limit, after }: LimitFilter): Promise<readonly LimitState[]> {
    const statement = paused ? LIST_PAUSED : LIST
    const values = [this.#clock.now(), after?.rule ?? '', after?.key ?? '', rule ?? null, limit]
    const [found = []] = await this.#database.run([{ statement, values }], { repeatable: true })
    return found.map(stateOf)
  }

  /** The last parameter is the moment. */
  #step(statement: Statement, values: readonly (Value | undefined)[]): Step {
    return { statement, values: [...values.map((value) => value ?? null), this.#clock.now()] }
  }
}

function stateOf(row: Row): LimitState {
  const [rule, key, held, paused, until, breaker, ...numbers] = row
  const waiting = Number(numbers.pop())
  const limit = ruleOf(numbers)
  return {
    rule: rule as string,
    key: key as string,
    ...(limit && { limit }),
    held: Number(held ?? 0),
    paused: paused === 't',
    ...(until != null && { until: Number(until) }),
    ...(limit?.breaker && { breaker: breaker as BreakerState }),
    waiting,
  }
}

/** Undefined where it limits nothing. */
function ruleOf(row: Row): Omit<LimitRule, 'name'> | undefined {
  const [every, burst, concurrency, failures, within, pause] = row.map((cell) =>
    cell == null ? undefined : Number(cell),
  )
  const limit = {
    ...(every !== undefined && burst !== undefined && { rate: { interval: every, burst } }),
    ...(concurrency !== undefined && { concurrency }),
    ...(failures !== undefined &&
      within !== undefined &&
      pause !== undefined && { breaker: { failures, within, pause } }),
  }
  return Object.keys(limit).length > 0 ? limit : undefined
}
