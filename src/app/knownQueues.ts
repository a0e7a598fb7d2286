import { taskQueues } from '../calls/task.ts'
import type { App } from './app.ts'
import { internalsOf } from './internals.ts'

export { deadLetterQueue } from '../broker/broker.ts'

/** Names of the queues that an app knows: its own, and those that its tasks go to, and these others. */
export function queuesOf({ config, tasks }: App, others?: Iterable<string>): string[] {
  return taskQueues(config, tasks, others)
}

const MAX_TAKEN = 1000
const takenQueues = new WeakMap<App, Set<string>>()

/**
 * These queues, which workers take from now, and those that they have taken from, as far as this process has seen: a
 * queue whose last worker is gone is where messages wait. At most 1000, the latest.
 */
export function everTaken(app: App, queues: Iterable<string>): ReadonlySet<string> {
  const known = takenQueues.get(app) ?? new Set()
  takenQueues.set(app, known)
  for (const queue of queues) {
    known.delete(queue)
    known.add(queue)
  }
  for (const queue of known) {
    if (known.size <= MAX_TAKEN) break
    known.delete(queue)
  }
  return known
}

/** What lies in the queues of a store; what is undefined the store does not know. */
export interface QueueSizes {
  readonly queues: readonly {
    readonly name: string
    readonly waiting: number
    /** Since when its oldest message could have run, ms since the epoch. */
    readonly oldest: number | undefined
  }[]
  /** Of all queues of the store: messages that wait for their time, and those that workers hold. */
  readonly delayed?: number | undefined
  readonly held?: number | undefined
}

/** Counts what waits in these queues. Rejects with StoreUnavailableError. */
export async function queueSizes(app: App, names: readonly string[]): Promise<QueueSizes> {
  const { broker } = await internalsOf(app).stores()
  const found = await broker.backlog(names)
  const queues = names.map((name) => ({ name, waiting: 0, oldest: undefined, ...found.queues.get(name) }))
  return { queues, delayed: found.delayed, held: found.held }
}

/**
 * How many workers are connected that may take from these queues, by queue; empty where the store does not know it.
 * Rejects with StoreUnavailableError.
 */
export async function consumersOf(app: App, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { broker } = await internalsOf(app).stores()
  if (!broker.workers) return new Map()
  // Where the store does not know their queues, all of them count for each.
  const all = await listenersOf(app)
  const countOf = async (name: string): Promise<number> => (all > 0 ? all : ((await broker.workers?.(name)) ?? 0))
  return new Map(await Promise.all(names.map(async (name) => [name, await countOf(name)] as const)))
}

/** No program takes from it. */
const NO_QUEUE = 'celeriac.none'

/**
 * How many workers listen for remote control; 0 where the store does not count them: it counts the consumers of each
 * queue, or nothing. Rejects with StoreUnavailableError.
 */
export async function listenersOf(app: App): Promise<number> {
  const { broker } = await internalsOf(app).stores()
  return (await broker.workers?.(NO_QUEUE)) ?? 0
}
