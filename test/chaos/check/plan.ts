import {
  type CrashPoint,
  RABBIT_WORKER_POINTS,
  SERVER_WORKER_POINTS,
  type Settings,
  WORKER_POINTS,
} from '../settings.ts'

/** Messages and results; on RabbitMQ results are in SQLite, in Redis, or messages to the caller. */
export type StoreName = 'sqlite' | 'redis' | 'postgres' | 'rabbitmq' | 'rabbitmq+redis' | 'rabbitmq+rpc' | 'memory'
export const STORES: readonly StoreName[] = [
  'sqlite',
  'redis',
  'postgres',
  'rabbitmq',
  'rabbitmq+redis',
  'rabbitmq+rpc',
  'memory',
]
export const POOLS: readonly Settings['pool'][] = ['inline', 'threads', 'processes', 'solo']

/** Where some calls are chords, each of which sends its body once: messages and results are one store. */
export const CHORD_STORES: readonly StoreName[] = ['sqlite', 'redis', 'postgres', 'memory']

/** Where some calls have limits: the store keeps them. */
export const LIMIT_STORES: readonly StoreName[] = ['sqlite', 'redis', 'postgres', 'memory']

/** Lease of the workers, ms. */
export const LEASE = 5000

/** What a step does; times in ms. `worker` is the number of a slot: who died in it is replaced. */
export type Fault =
  | { readonly kind: 'kill' | 'stop'; readonly worker: number }
  /** A worker more dies when it passes this point for the `hit`-th time. */
  | { readonly kind: 'crash'; readonly point: CrashPoint; readonly hit: number }
  /** The wall clock of a worker, or of a client, is set by `by` ms, and after `ms` back. */
  | {
      readonly kind: 'clock'
      readonly of: 'worker' | 'client'
      readonly slot: number
      readonly by: number
      readonly ms: number
    }
  | { readonly kind: 'freeze'; readonly worker: number; readonly ms: number }
  | { readonly kind: 'kill-client'; readonly client: number }
  | { readonly kind: 'restart-server'; readonly how: 'kill' | 'halt' }
  | { readonly kind: 'network'; readonly fault: NetworkFault; readonly ms: number }
  /** No call for a while: all that was acknowledged is done soon. */
  | { readonly kind: 'lull' }

export type NetworkFault =
  | { readonly kind: 'delay' | 'reorder'; readonly ms: number }
  | { readonly kind: 'resetAfter'; readonly bytes: number }
  | { readonly kind: 'stall' | 'halfOpen' | 'trickle' | 'reset' | 'refuse' }

export interface Step {
  /** Pause before it, ms. */
  readonly after: number
  readonly fault: Fault
}

/** A run, as plain data: the same plan makes the same faults in the same order. */
export interface Plan {
  readonly store: StoreName
  readonly pool: Settings['pool']
  readonly seed: number
  readonly minutes: number
  readonly steps: readonly Step[]
}

/** Workers of the common queue, and clients. */
export const WORKERS = 2
export const CLIENTS = 2

/** The plan of these words; `minutes` of faults, as far as their times are known before. */
export function planOf({ store, pool, seed, minutes }: Omit<Plan, 'steps'>): Plan {
  const random = randomOf(seed)
  const steps: Step[] = []
  for (let time = 0; time < minutes * 60_000; ) {
    const after = 300 + Math.floor(random() * 1200)
    const fault = faultOf(store, random)
    // Each kind of run has lulls, and begins with faults that all stores have.
    steps.push({ after, fault }, ...(steps.length % 6 === 3 ? [{ after: 200, fault: { kind: 'lull' } as const }] : []))
    time += after + ('ms' in fault ? fault.ms : 800)
  }
  steps.push({ after: 500, fault: { kind: 'lull' } })
  return { store, pool, seed, minutes, steps }
}

/** How far a clock is set, ms: less than a lease, a lease and more, an hour. */
const JUMPS = [900, 1.5 * LEASE, 60_000, 3_600_000]

/** Points of the worker, and of its store. Those in the function are of another task. */
export function pointsOf(store: StoreName): readonly CrashPoint[] {
  const all: Partial<Record<StoreName, readonly CrashPoint[]>> = {
    sqlite: WORKER_POINTS,
    redis: SERVER_WORKER_POINTS,
    postgres: SERVER_WORKER_POINTS,
  }
  // Two threads hardly ever pass the half of a turn's acknowledgements.
  return (all[store] ?? RABBIT_WORKER_POINTS).filter((point) => !point.startsWith('body:') && point !== 'settle:half')
}

function faultOf(store: StoreName, random: () => number): Fault {
  const int = (below: number): number => Math.floor(random() * below)
  const pick = <Item>(items: readonly Item[]): Item => items[int(items.length)] as Item
  const clock = (): Fault => {
    const by = pick(JUMPS) * (random() < 0.5 ? 1 : -1)
    return { kind: 'clock', of: random() < 0.8 ? 'worker' : 'client', slot: int(WORKERS), by, ms: 500 + int(2 * LEASE) }
  }
  // What ends or freezes the only process ends or freezes all that there is.
  const inMemory: (() => Fault)[] = [
    () => ({ kind: 'stop', worker: 0 }),
    clock,
    () => ({ kind: 'freeze', worker: 0, ms: 2 * LEASE }),
  ]
  if (store === 'memory') return pick(inMemory)()
  const local: (() => Fault)[] = [
    () => ({ kind: 'kill', worker: int(WORKERS) }),
    () => ({ kind: 'kill', worker: int(WORKERS) }),
    () => ({ kind: 'crash', point: pick(pointsOf(store)), hit: 1 + int(20) }),
    () => ({ kind: 'stop', worker: int(WORKERS) }),
    () => ({ kind: 'freeze', worker: int(WORKERS), ms: 2 * LEASE + int(LEASE / 2) }),
    () => ({ kind: 'freeze', worker: int(WORKERS), ms: 100 + int(LEASE / 20) }),
    () => ({ kind: 'kill-client', client: int(CLIENTS) }),
    clock,
  ]
  const remote: (() => Fault)[] = [
    () => ({ kind: 'restart-server', how: random() < 0.5 ? 'kill' : 'halt' }),
    () => ({ kind: 'network', fault: { kind: 'delay', ms: [1, 5, 50][int(3)] as number }, ms: 2000 }),
    () => ({ kind: 'network', fault: { kind: 'reorder', ms: 20 }, ms: 2000 }),
    () => ({ kind: 'network', fault: { kind: 'resetAfter', bytes: 1 + int(5000) }, ms: 1000 }),
    () => ({ kind: 'network', fault: { kind: (['reset', 'refuse', 'stall'] as const)[int(3)] as 'reset' }, ms: 500 }),
    () => ({ kind: 'network', fault: { kind: (['halfOpen', 'trickle'] as const)[int(2)] as 'trickle' }, ms: 9000 }),
  ]
  const kinds = store === 'sqlite' || random() < 0.5 ? local : remote
  return pick(kinds)()
}

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
