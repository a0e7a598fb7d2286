import { isFull } from '../tier.ts'
import type { Epoch } from './moment.ts'

/** Where a process of a chaos test dies: on every store, then in each. */
const COMMON_POINTS = [
  // The worker's own signals.
  'task:received',
  'task:prerun',
  'task:postrun',
  'task:success',
  // In the function, before and after its effect.
  'body:before',
  'body:after',
] as const
export const WORKER_POINTS = [
  ...COMMON_POINTS,
  // In the store: in the transaction that claims, between acknowledgement and result, before and after the commit of both.
  'claim:before-commit',
  'settle:torn',
  'settle:before-commit',
  'settle:after-commit',
] as const
/** On Redis and PostgreSQL: a script, or a transaction, has left for the server; or it was carried out, and its answer is here and not read. */
export const SERVER_WORKER_POINTS = [
  ...COMMON_POINTS,
  'claim:sent',
  'claim:unread',
  'settle:sent',
  'settle:unread',
] as const
export const SERVER_CLIENT_POINTS = ['publish:sent', 'publish:unread'] as const
/**
 * On RabbitMQ: a message has left for the server, or its confirmation is here and not read; what came back is copied, and its original not
 * acknowledged; the result is stored, and nothing is acknowledged; some acknowledgements of a turn have left, or all.
 */
export const RABBIT_WORKER_POINTS = [...COMMON_POINTS, 'settle:stored', 'settle:half', 'settle:sent'] as const
export const RABBIT_COPY_POINTS = ['copy:sent', 'copy:unread'] as const
export const RABBIT_CLIENT_POINTS = ['publish:sent', 'publish:unread'] as const
export const CLIENT_POINTS = ['publish:torn', 'publish:before-commit', 'publish:after-commit'] as const

export type CrashPoint =
  | (typeof WORKER_POINTS)[number]
  | (typeof CLIENT_POINTS)[number]
  | (typeof SERVER_WORKER_POINTS)[number]
  | (typeof SERVER_CLIENT_POINTS)[number]
  | (typeof RABBIT_WORKER_POINTS)[number]
  | (typeof RABBIT_COPY_POINTS)[number]
  | (typeof RABBIT_CLIENT_POINTS)[number]

/**
 * What the tests of servers try of their points. `npm test` tries those of the store and, of the points that are the
 * same on every store, the first and the last; SQLite's test tries all of these.
 */
export function tried<Point extends CrashPoint>(points: readonly Point[]): readonly Point[] {
  const repeated: ReadonlySet<string> = new Set(isFull ? [] : COMMON_POINTS.slice(1, -1))
  return points.filter((point) => !repeated.has(point))
}

/** The same of a client's points: `npm test` tries the last. */
export function triedBySenders<Point extends CrashPoint>(points: readonly Point[]): readonly Point[] {
  return isFull ? points : points.slice(-1)
}

/** Die when this point is passed for the `hit`-th time. */
export interface Crash {
  readonly point: CrashPoint
  readonly hit: number
}

/** What a process of a chaos test is told, by the variable CHAOS, which its threads see too. */
export interface Settings {
  readonly name: string
  /** URL of the store. */
  readonly store: string
  /** URL of another one for the results, where the first keeps none. */
  readonly backend?: string
  /** Every effect of a task is a line here: id, process, time. */
  readonly ledger: string
  /** What this process knows, with the time: `r id` received, `s` settled, `b` given back, `l` lost, on RabbitMQ `w` when it came over the wire; of a client `a` attempted, `d` done. */
  readonly journal: string
  /** ms */
  readonly lease: number
  readonly pool: 'inline' | 'threads' | 'processes' | 'solo'
  readonly concurrency: number
  /** ms */
  readonly grace: number
  readonly crash?: Crash
  /** Of a client: how many tasks it sends. */
  readonly tasks: number
  /** Of a worker. Default: the app's queue. */
  readonly queues?: readonly string[]
  /** Of a worker: a bug that is put in on purpose. */
  readonly bug?: Bug
  /** Of a client: some of its calls are chords. */
  readonly chords?: boolean
  /** Some of its calls, and a task, have limits by key. */
  readonly limits?: boolean
  /** Only the process that called reads results. */
  readonly callerOnly?: boolean
  /** By what it notes its moments, where clocks are set. */
  readonly epoch?: Epoch
  /** The file that says how far its wall clock is from that of the machine (`fakeClock.ts`). */
  readonly clock?: string
}

/** Bugs that the history checker must find (`check/bugs.ts`). */
export const BUGS = ['ack-before-store', 'no-fence', 'lost-wake-up', 'body-twice'] as const
export type Bug = (typeof BUGS)[number]

/** What the limited task of the chaos tests has for each key: runs at once; ms between two, and how many at once after a pause. */
export const LIMIT = { concurrency: 2, interval: 50, burst: 10 } as const

/** Its options. */
export function limitsByKey(key: (ms: number, key: string) => string) {
  const perSecond = 1000 / LIMIT.interval
  return {
    concurrency: { limit: LIMIT.concurrency, key },
    rateLimit: { limit: `${perSecond}/s`, burst: LIMIT.burst, key },
  } as const
}

export function readSettings(): Settings {
  return JSON.parse(process.env.CHAOS ?? '') as Settings
}
