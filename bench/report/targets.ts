import type { Results } from './results.ts'
import { type Summary, summarize } from './summary.ts'

/** What must hold: a figure of celeriac, or its ratio to that of another. */
export interface Target {
  readonly scenario: string
  /** Whose figure it is. Default: celeriac. */
  readonly entrant?: string
  readonly figure: string
  /** Add this figure to it. */
  readonly plus?: string
  /** Divide by this entrant's figure. */
  readonly over?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** A target, and whether it holds. */
export interface Verdict {
  readonly name: string
  readonly value: number
  readonly expected: string
  readonly holds: boolean
}

const OWN = 'celeriac'
const RATE = 'tasks/s'
const REQUESTS = 'requests/s'

/** The same of each pool that celeriac has. */
function ofPools(kind: string, figure: string, limits: Pick<Target, 'over' | 'atLeast' | 'atMost'>): Target[] {
  return ['threads', 'processes'].map((entrant) => ({ scenario: `redis/${kind}`, entrant, figure, ...limits }))
}

const ON_POSTGRES: readonly Target[] = [
  ...['graphile-worker', 'pg-boss', 'BullMQ'].map((over) => ({
    ...{ scenario: 'postgres/enqueue', figure: RATE, over, atLeast: 15 },
  })),
  { scenario: 'postgres/enqueue', figure: RATE, over: 'bare', atLeast: 0.5 },
  { scenario: 'postgres/enqueue-one', figure: RATE, over: 'pg-boss', atLeast: 1.5 },
  { scenario: 'postgres/bulk-10000', figure: RATE, over: 'bare', atLeast: 0.4 },
  { scenario: 'postgres/drain', figure: RATE, over: 'graphile-worker', atLeast: 1 },
  { scenario: 'postgres/drain', figure: RATE, over: 'pg-boss', atLeast: 1.2 },
  { scenario: 'postgres/drain', figure: RATE, over: 'BullMQ', atLeast: 12 },
  { scenario: 'postgres/drain', figure: 'worker CPU µs/task', plus: 'server CPU µs/task', atMost: 60 },
  { scenario: 'postgres/round-trip', figure: 'p50 ms', over: 'bare', atMost: 1.3 },
  { scenario: 'postgres/round-trip', figure: 'p50 ms', over: 'BullMQ', atMost: 1 },
  { scenario: 'postgres/idle', figure: 'operations/s', atMost: 1 },
  { scenario: 'postgres/held-xmin', figure: 'share kept', atLeast: 0.5 },
  { scenario: 'postgres/bloat', figure: 'growth of drained tables', atMost: 1.5 },
]

export const TARGETS: readonly Target[] = [
  { scenario: 'sqlite/enqueue', figure: RATE, atLeast: 25_000 },
  { scenario: 'sqlite/drain', figure: `cold ${RATE}`, atLeast: 20_000 },
  { scenario: 'sqlite/drain', figure: RATE, over: 'plainjob', atLeast: 2 },
  { scenario: 'sqlite/round-trip', figure: 'p50 ms', atMost: 5 },
  { scenario: 'redis/enqueue', figure: RATE, over: 'BullMQ', atLeast: 3 },
  { scenario: 'redis/drain', figure: RATE, over: 'BullMQ', atLeast: 3 },
  { scenario: 'redis/drain', figure: RATE, over: 'Celery', atLeast: 30 },
  { scenario: 'redis/drain', figure: 'operations/task', atMost: 8 },
  { scenario: 'redis/drain', figure: 'round trips/task', atMost: 0.1 },
  { scenario: 'redis/round-trip', figure: 'p50 ms', atMost: 1 },
  { scenario: 'redis/round-trip', figure: 'p99 ms', atMost: 5 },
  { scenario: 'redis/latency', figure: 'share kept', atLeast: 0.7 },
  { scenario: 'redis/group', figure: 'ms', over: 'BullMQ', atMost: 0.5 },
  { scenario: 'redis/group', figure: 'ms', over: 'Celery', atMost: 0.1 },
  { scenario: 'redis/chord', figure: 'ms', over: 'BullMQ', atMost: 0.5 },
  { scenario: 'redis/chord', figure: 'ms', over: 'Celery', atMost: 0.1 },
  { scenario: 'redis/chain', figure: 'ms', over: 'BullMQ', atMost: 1 },
  { scenario: 'redis/chord-10k', figure: 'ratio', atMost: 1.3 },
  { scenario: 'redis/chord-10k', figure: 'further operations/task', atMost: 6 },
  { scenario: 'redis/chord-100k', figure: 'slowest command ms', atMost: 50 },
  { scenario: 'sqlite/chord-10k', figure: 'ratio', atMost: 1.3 },
  ...['redis/events', 'rabbitmq/events'].map((scenario) => ({
    ...{ scenario, entrant: 'celeriac -E', figure: 'worker CPU µs/task', over: OWN, atMost: 1.15 },
  })),
  ...['sqlite/limits', 'redis/limits', 'postgres/limits'].map((scenario) => ({
    ...{ scenario, entrant: 'celeriac, limits', figure: RATE, over: OWN, atLeast: 0.5 },
  })),
  { scenario: 'redis/idle', figure: 'operations/s', atMost: 1 },
  { scenario: 'redis/children', entrant: 'processes', figure: RATE, over: 'Celery', atLeast: 5 },
  ...ofPools('slots', 'factor', { over: 'Celery', atLeast: 1 }),
  ...ofPools('slots', 'tasks/s, 2 slots', { over: 'Celery', atLeast: 1 }),
  ...ofPools('recycling', 'cost', { atMost: 1.3 }),
  ...ofPools('mix', 'p99 ms', { atMost: 50 }),
  ...ON_POSTGRES,
  { scenario: 'rabbitmq/enqueue', figure: RATE, over: 'bare', atLeast: 0.7 },
  { scenario: 'rabbitmq/enqueue', figure: RATE, over: 'Celery', atLeast: 15 },
  { scenario: 'rabbitmq/drain', figure: RATE, over: 'bare', atLeast: 0.5 },
  { scenario: 'rabbitmq/drain', figure: RATE, over: 'Celery', atLeast: 15 },
  { scenario: 'rabbitmq/drain-redis', figure: RATE, over: 'Celery', atLeast: 15 },
  { scenario: 'rabbitmq/round-trip', figure: 'p50 ms', over: 'Celery', atMost: 1 },
  { scenario: 'http/submit', figure: REQUESTS, over: 'Fastify', atLeast: 1.2 },
  { scenario: 'http/submit', figure: REQUESTS, over: 'Flask', atLeast: 9 },
  { scenario: 'http/status-pending', figure: REQUESTS, over: 'Flask', atLeast: 6 },
  { scenario: 'http/status-ended', figure: REQUESTS, over: 'Flask', atLeast: 6 },
  { scenario: 'sqlite/beat', figure: 'idle CPU %', atMost: 2 },
  { scenario: 'sqlite/beat', figure: 'latest tick, ms', atMost: 200 },
  { scenario: 'redis/beat', figure: 'idle CPU %', atMost: 2 },
  { scenario: 'redis/beat', figure: 'latest tick, ms', atMost: 200 },
]

/** A long backlog is drained at no less than this share of a short one's rate. */
const BACKLOG_SHARE = 0.8
const BACKLOG_SHARES: Readonly<Record<string, number>> = { postgres: 0.85 }

/** The targets, as far as they were measured; by medians. */
export function judge(results: Pick<Results, 'scenarios' | 'runs'>): Verdict[] {
  const summaries = summarize(results)
  const median = (scenario: string, figure: string, entrant: string): number | undefined =>
    summaries.find((one) => one.scenario === scenario)?.of(figure, entrant)?.median
  const verdicts = TARGETS.map(({ scenario, entrant = OWN, figure, plus, over, atLeast, atMost }) => {
    const own = median(scenario, figure, entrant)
    const more = plus === undefined ? 0 : median(scenario, plus, entrant)
    const other = over === undefined ? 1 : median(scenario, figure, over)
    if (own === undefined || more === undefined || other === undefined) return undefined
    const whose = entrant === OWN ? '' : ` of ${entrant}`
    const sum = plus === undefined ? figure : `${figure} + ${plus}`
    const name = `${scenario}, ${sum}${whose}${over === undefined ? '' : ` / ${over}`}`
    return verdictOf(name, (own + more) / other, { atLeast, atMost })
  })
  return [...verdicts.filter((verdict) => verdict !== undefined), ...judgeBacklogs(summaries)]
}

function judgeBacklogs(summaries: readonly Summary[]): Verdict[] {
  const backlogs = summaries.filter(({ scenario }) => scenario.includes('/backlog-'))
  return backlogs.flatMap((long) => {
    const [store = '', size = ''] = long.scenario.split('/backlog-')
    const short = backlogs.find(({ scenario }) => scenario === `${store}/backlog-10000`)
    const rates = [long, short].map((one) => one?.of(RATE, 'celeriac')?.median)
    if (long === short || rates[0] === undefined || rates[1] === undefined) return []
    const name = `${store}, ${RATE} from a backlog of ${Number(size).toLocaleString('en')} / 10,000`
    return [verdictOf(name, rates[0] / rates[1], { atLeast: BACKLOG_SHARES[store] ?? BACKLOG_SHARE })]
  })
}

function verdictOf(name: string, value: number, { atLeast, atMost }: Pick<Target, 'atLeast' | 'atMost'>): Verdict {
  const enough = atLeast === undefined || value >= atLeast
  const little = atMost === undefined || value <= atMost
  const expected = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast.toLocaleString('en')}`
  return { name, value, expected, holds: enough && little }
}
