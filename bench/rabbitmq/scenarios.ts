import type { Cost } from '../embedded/stopwatch.ts'
import { measure } from '../redis/roles.ts'
import type { Figures } from '../report.ts'
import { quantile } from '../statistics.ts'
import type { Place } from './place.ts'
import type { Side } from './sides.ts'

/** Where results go. */
export type Kept = 'rpc' | 'redis'

/** Drained before the clock starts: cold code, connections. */
const WARMUP_SHARE = 0.25
const ROUND_TRIPS = 300

/** Calls with 1,000 unconfirmed at a time (Celery: one after the other), nobody works. */
export async function enqueueScenario(place: Place, side: Side): Promise<Figures> {
  const tasks = side.enqueued
  return counted(place, tasks, () =>
    measure<Cost>(side, { ...common(place, 'rpc'), role: 'enqueue', tasks, inFlight: 1000 }),
  )
}

/** Tasks that another process has queued, worked off by one worker. */
export async function drainScenario(place: Place, side: Side, kept: Kept): Promise<Figures> {
  const warmup = Math.ceil(side.drained * WARMUP_SHARE)
  const all = side.drained + warmup
  await measure(side, { ...common(place, kept), role: 'fill', tasks: all })
  const order = { ...common(place, kept), role: 'drain', tasks: side.drained, warmup } as const
  const figures = await counted(place, all, () => measure<Cost>(side, order))
  await requireDone(place, side, kept, all)
  return figures
}

/** One call at a time, with a pause between, to an idle worker in another process. */
export async function roundTripScenario(place: Place, side: Side): Promise<Figures> {
  const worker = side.start({ ...common(place, 'rpc'), role: 'worker' })
  try {
    await worker.next()
    const asked = { ...common(place, 'rpc'), role: 'ask', tasks: ROUND_TRIPS, warmup: 20, pause: 10 } as const
    const roundTrips = await measure<number[]>(side, asked)
    return { 'p50 ms': quantile(roundTrips, 0.5), 'p99 ms': quantile(roundTrips, 0.99) }
  } finally {
    await worker.end()
  }
}

function common({ url, redis }: Place, kept: Kept): { url: string; backend: string; folder: string } {
  return { url, backend: kept === 'rpc' ? 'rpc://' : `redis://127.0.0.1:${redis.port}/0`, folder: '' }
}

/** `tasks` is what the server was asked for, the warm-up included. */
async function counted(place: Place, tasks: number, work: () => Promise<Cost>): Promise<Figures> {
  const before = place.cpu()
  const cost = await work()
  return {
    'tasks/s': cost.tasks / cost.seconds,
    'CPU us/task': cost.cpuMicroseconds,
    'RabbitMQ CPU us/task': (1e6 * (place.cpu() - before)) / tasks,
  }
}

/** A rate counts only when every result is there and no message is left. */
async function requireDone(place: Place, side: Side, kept: Kept, tasks: number): Promise<void> {
  const messages = await place.messages()
  const left = messages.get(side.queue)
  const others = [...messages].filter(([name]) => name !== side.queue)
  const replies = others.reduce((sum, [, count]) => sum + count, 0)
  const results = kept === 'rpc' ? replies : await place.redis.keys()
  if (left !== 0 || (side.keepsResults && results < tasks))
    throw new Error(`${side.name}: expected ${tasks} results and no message left, got ${results}, ${left} messages`)
}
