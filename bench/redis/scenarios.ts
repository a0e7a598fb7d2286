import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../embedded/child.ts'
import type { Cost } from '../embedded/stopwatch.ts'
import type { Figures } from '../report.ts'
import { quantile } from '../statistics.ts'
import { measure } from './roles.ts'
import { difference, type Served, type Server } from './server.ts'
import type { Side } from './sides.ts'

/** Where a measurement takes place. */
export interface Place {
  readonly server: Server
  /** Where npm has installed what is measured beside ours. */
  readonly folder: string
}

/** Drained before the clock starts: cold code, connections. */
const WARMUP_SHARE = 0.1
const ROUND_TRIPS = 300
const BACKLOG_WARMUP = 20_000
const IDLE_SECONDS = 20
/** Until a worker that has started is idle, ms. */
const SETTLING = 3000
const LATENCY = 1

const urlOf = (port: number): string => `redis://127.0.0.1:${port}/0`

/** Calls with 1,000 unanswered at a time (Celery: one after the other), nobody works. */
export async function enqueueScenario({ server, folder }: Place, side: Side): Promise<Figures> {
  const tasks = side.enqueued
  const url = urlOf(server.port)
  const { result, served } = await counted(server, () =>
    measure<Cost>(side, { role: 'enqueue', url, folder, tasks, inFlight: 1000 }),
  )
  return figuresOf(result, served, tasks)
}

/** Tasks that another process has queued, worked off by one worker. */
export async function drainScenario(place: Place, side: Side, tasks = side.drained): Promise<Figures> {
  return drain(place, side, tasks, Math.ceil(tasks * WARMUP_SHARE), place.server.port)
}

/** A backlog of any length, by a worker that is as warm for a short one as for a long one. */
export async function backlogScenario(place: Place, side: Side, tasks: number): Promise<Figures> {
  return drain(place, side, tasks, BACKLOG_WARMUP, place.server.port)
}

/** The same through a proxy, without and with 1 ms more to the server and back. */
export async function latencyScenario(place: Place, side: Side, tasks: number): Promise<Figures> {
  const rate = async (latency: number): Promise<Figures> => {
    await place.server.empty()
    const proxy = new Child(new URL('./proxy.ts', import.meta.url).href, { port: place.server.port, latency })
    try {
      return await drain(place, side, tasks, Math.ceil(tasks * WARMUP_SHARE), await proxy.next<number>())
    } finally {
      await proxy.end()
    }
  }
  const near = await rate(0)
  const far = await rate(LATENCY)
  const of = (figures: Figures): number => figures['tasks/s'] as number
  return { 'tasks/s, proxy alone': of(near), 'tasks/s, 1 ms': of(far), 'share kept': of(far) / of(near) }
}

async function drain(
  { server, folder }: Place,
  side: Side,
  tasks: number,
  warmup: number,
  port: number,
): Promise<Figures> {
  const all = tasks + warmup
  await measure(side, { role: 'fill', url: urlOf(server.port), folder, tasks: all })
  const { result, served } = await counted(server, () =>
    measure<Cost>(side, { role: 'drain', url: urlOf(port), folder, tasks, warmup }),
  )
  await requireStored(server, side, all)
  return figuresOf(result, served, all)
}

/** One call at a time, with a pause between, to an idle worker in another process. */
export async function roundTripScenario({ server, folder }: Place, side: Side): Promise<Figures> {
  const url = urlOf(server.port)
  const worker = side.start({ role: 'worker', url, folder })
  try {
    await worker.next()
    const asked = { role: 'ask', url, folder, tasks: ROUND_TRIPS, warmup: 20, pause: 10 } as const
    const roundTrips = await measure<number[]>(side, asked)
    return { 'p50 ms': quantile(roundTrips, 0.5), 'p99 ms': quantile(roundTrips, 0.99) }
  } finally {
    await worker.end()
  }
}

/** What a worker without work asks of the server. */
export async function idleScenario({ server, folder }: Place, side: Side): Promise<Figures> {
  const worker = side.start({ role: 'worker', url: urlOf(server.port), folder })
  try {
    await worker.next()
    await sleep(SETTLING)
    const { served } = await counted(server, () => sleep(IDLE_SECONDS * 1000))
    return { 'commands/s': served.operations / IDLE_SECONDS, 'server CPU ms/s': (1000 * served.cpu) / IDLE_SECONDS }
  } finally {
    await worker.end()
  }
}

async function counted<Result>(
  server: Server,
  work: () => Promise<Result>,
): Promise<{ result: Result; served: Served }> {
  const before = await server.counters()
  const result = await work()
  return { result, served: difference(before, await server.counters()) }
}

/** `tasks` is what the server was asked for, the warm-up included. */
function figuresOf(cost: Cost, served: Served, tasks: number): Figures {
  return {
    'tasks/s': cost.tasks / cost.seconds,
    'CPU us/task': cost.cpuMicroseconds,
    'server CPU us/task': (1e6 * served.cpu) / tasks,
    'operations/task': served.operations / tasks,
    'scripts/task': scripts(served) / tasks,
    'round trips/task': served.reads / tasks,
  }
}

function scripts({ calls }: Served): number {
  return ['eval', 'evalsha', 'fcall'].reduce((sum, name) => sum + (calls[name] ?? 0), 0)
}

/** A rate counts only when every result is in the store and no message is left. */
async function requireStored(server: Server, side: Side, tasks: number): Promise<void> {
  const stored = await server.keys()
  const left: number[] = []
  for (const command of side.left) left.push(await server.number(command))
  if (stored < tasks || left.some((count) => count !== 0))
    throw new Error(`${side.name}: expected ${tasks} results and no message left, got ${stored} keys, ${left} messages`)
}
