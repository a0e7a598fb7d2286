import type { App } from '../../app/app.ts'
import { internalsOf } from '../../app/internals.ts'
import { EventReceiver } from '../../events/receiver.ts'
import type { Event } from '../../protocol/event.ts'
import { RECEIVED } from '../../protocol/states.ts'
import { Lifecycle, type Service } from '../../std/service.ts'
import { gauge, Timing } from './counters.ts'
import type { Family } from './family.ts'

/** Bounds of the buckets of `prometheus_client`, s, which Flower uses. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Pairs of a worker and a task, and types of events, that are counted each by itself; the others together. */
const MAX_PAIRS = 1000
const MAX_TYPES = 20
/** Workers that are reported: those with the latest events. */
const MAX_WORKERS = 1000
/** Label of what is counted together. */
const OTHER = '(other)'
/** How often workers that are gone make room, ms. */
const CLEARING_MS = 60_000

/** What is counted of one task on one worker. */
interface Pair {
  readonly worker: string
  readonly task: string
  /** By type. */
  readonly events: Map<string, number>
  readonly runs: Timing
  /** How long the last task that began had waited on its worker, s; 0 after its end. */
  waited: number | undefined
}

/**
 * Flower's metrics of a fleet, from the events of its workers: the same names, labels and buckets, so that dashboards
 * and alerts that were made for Flower read them.
 */
export class FlowerMetrics implements Service {
  readonly #app: App
  readonly #receiver: EventReceiver
  readonly #pairs = new Map<string, Pair>()
  readonly #types = new Set<string>()
  readonly #lifecycle = new Lifecycle(async (run) => {
    await this.#receiver.start()
    run.defer(() => this.#receiver.stop())
  })
  #cleared = Number.NEGATIVE_INFINITY

  constructor(app: App) {
    this.#app = app
    this.#receiver = new EventReceiver(app)
    this.#receiver.onEvent((event) => this.#count(event))
  }

  /** Counts from now on. Rejects with StoreUnavailableError. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  families(): readonly Family[] {
    const pairs = [...this.#pairs.values()]
    const now = this.#app.config.clock.now()
    const workers = [...this.#receiver.cluster.workers.values()].slice(-MAX_WORKERS)
    const ofPair = ({ worker, task }: Pick<Pair, 'worker' | 'task'>) => ({ worker, task })
    const events = pairs.flatMap((pair) =>
      [...pair.events].map(([type, value]) => ({ labels: { ...ofPair(pair), type }, value })),
    )
    return [
      { ...FACTS.events, type: 'counter', aggregator: 'sum', values: events },
      {
        ...FACTS.runtime,
        type: 'histogram',
        aggregator: 'sum',
        values: pairs.flatMap(({ runs }) => runs.series(FACTS.runtime.name)),
      },
      gauge(
        FACTS.prefetchTime,
        pairs.flatMap((pair) => (pair.waited === undefined ? [] : [{ labels: ofPair(pair), value: pair.waited }])),
      ),
      gauge(
        FACTS.prefetched,
        this.#prefetched().map(({ value, ...pair }) => ({ labels: ofPair(pair), value })),
      ),
      gauge(
        FACTS.online,
        workers.map((worker) => ({
          labels: { worker: worker.hostname },
          value: worker.isAlive(now) ? 1 : 0,
        })),
      ),
      gauge(
        FACTS.executing,
        workers.flatMap(({ hostname, active }) =>
          active === undefined ? [] : [{ labels: { worker: hostname }, value: active }],
        ),
      ),
    ]
  }

  #count(event: Event): void {
    const { type, hostname, uuid, timestamp } = event
    if (!type.startsWith('task-') || uuid === undefined) return
    const known = this.#receiver.cluster.tasks.get(uuid)
    const pair = this.#pair(hostname, known?.name ?? '')
    const counted = this.#typeOf(type)
    pair.events.set(counted, (pair.events.get(counted) ?? 0) + 1)
    if (typeof event.runtime === 'number' && event.runtime > 0) pair.runs.observe(event.runtime)
    const { received, started } = known?.times ?? {}
    if (received === undefined || known?.eta !== undefined) return
    if (type === 'task-started') pair.waited = Math.max(0, timestamp - received)
    else if (started !== undefined && (type === 'task-succeeded' || type === 'task-failed')) pair.waited = 0
  }

  /** Tasks that workers have and have not begun, without those that wait for their time. */
  #prefetched(): (Pick<Pair, 'worker' | 'task'> & { readonly value: number })[] {
    const counts = new Map([...this.#pairs].map(([key, { worker, task }]) => [key, { worker, task, value: 0 }]))
    for (const { state, eta, name, worker } of this.#receiver.cluster.tasks.values()) {
      if (state !== RECEIVED || eta !== undefined || worker === undefined) continue
      const count = counts.get(keyOf(worker, name ?? '')) ?? counts.get(keyOf(OTHER, OTHER))
      if (count) count.value++
    }
    return [...counts.values()]
  }

  #typeOf(type: string): string {
    if (this.#types.size < MAX_TYPES) this.#types.add(type)
    return this.#types.has(type) ? type : OTHER
  }

  #pair(worker: string, task: string): Pair {
    const known = this.#pairs.get(keyOf(worker, task))
    if (known) return known
    if (worker !== OTHER && this.#pairs.size >= MAX_PAIRS && !this.#hasCleared()) return this.#pair(OTHER, OTHER)
    const labels = { worker, task }
    const runs = new Timing(labels, { bounds: BUCKETS_S, listeners: new Set() })
    const pair: Pair = { worker, task, events: new Map(), runs, waited: undefined }
    this.#pairs.set(keyOf(worker, task), pair)
    return pair
  }

  /** Workers that are gone make room: those of a fleet that grows and shrinks have new names each time. */
  #hasCleared(): boolean {
    const now = this.#app.config.clock.now()
    if (now - this.#cleared < CLEARING_MS) return false
    this.#cleared = now
    const { workers } = this.#receiver.cluster
    for (const [key, { worker }] of this.#pairs)
      if (worker !== OTHER && !workers.get(worker)?.isAlive(now)) this.#pairs.delete(key)
    return this.#pairs.size < MAX_PAIRS
  }
}

function keyOf(worker: string, task: string): string {
  return `${worker}\0${task}`
}

const FACTS = {
  events: { name: 'flower_events_total', help: 'Events of tasks.' },
  runtime: { name: 'flower_task_runtime_seconds', help: 'How long tasks ran.' },
  prefetchTime: {
    name: 'flower_task_prefetch_time_seconds',
    help: 'How long the last task had waited on its worker when it began; 0 after its end.',
  },
  prefetched: { name: 'flower_worker_prefetched_tasks', help: 'Tasks that a worker has, and has not begun.' },
  online: { name: 'flower_worker_online', help: '1: the worker is alive.' },
  executing: {
    name: 'flower_worker_number_of_currently_executing_tasks',
    help: 'Tasks that a worker runs, by its last heartbeat.',
  },
} as const

const ofApps = new WeakMap<App, FlowerMetrics>()

/**
 * Those of an app: one receiver, which ends with the app. Resolves when it counts; rejects with StoreUnavailableError,
 * and the next call tries again.
 */
export async function startFlowerMetrics(app: App): Promise<FlowerMetrics> {
  let metrics = ofApps.get(app)
  if (!metrics) {
    const made = new FlowerMetrics(app)
    metrics = made
    ofApps.set(app, made)
    internalsOf(app).onClose(async () => {
      ofApps.delete(app)
      await made.stop()
    })
  }
  await metrics.start()
  return metrics
}
