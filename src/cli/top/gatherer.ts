import { setTimeout as pause } from 'node:timers/promises'
import type { App } from '../../app/app.ts'
import { type QueueSizes, queueSizes, queuesOf } from '../../app/knownQueues.ts'
import { Control } from '../../control/control.ts'
import { type Event, EventReceiver } from '../../events/receiver.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { type Blocked, blockedOf } from '../fleet/blocked.ts'
import { askWorkers, type WorkerAnswer } from './answers.ts'
import { EventRates } from './eventRates.ts'
import type { Snapshot, TopFailure, TopTask, TopWorker, WorkerState } from './snapshot.ts'

/** What is kept of a fleet. */
const LIMITS = { maxTasks: 5000, maxWorkers: 1000, maxAge: '1h' } as const
const MAX_QUEUES = 200
const MAX_RUNNING = 1000
const MAX_FAILURES = 100
/** How long workers have for the next answer, and the pause before they are asked again, ms. */
const REPLY_TIMEOUT_MS = 700
const PAUSE_MS = 500
/** For how long a worker that does not answer any more is shown, ms. */
const SHOWN_MS = 60_000

/** What is known of a fleet: from the events of its workers, from their answers, and from the store. */
export class Gatherer {
  readonly #app: App
  readonly #receiver: EventReceiver
  readonly #control: Control
  readonly #rates = new EventRates()
  readonly #failures: TopFailure[] = []
  /** When each worker answered last, ms since the epoch. */
  readonly #answered = new Map<string, number>()
  readonly #quiet = new Set<string>()
  #answers: ReadonlyMap<string, WorkerAnswer> = new Map()
  #queues: QueueSizes = { queues: [] }
  #blocked: Blocked | undefined
  #asked = false
  #enables = false
  #problem: string | undefined

  constructor(app: App) {
    this.#app = app
    this.#control = new Control(app)
    this.#receiver = new EventReceiver(app, LIMITS)
    this.#receiver.onEvent((event) => this.#take(event))
  }

  /** Receive events. Rejects with StoreUnavailableError. */
  start(): Promise<void> {
    return this.#receiver.start()
  }

  stop(): Promise<void> {
    return this.#receiver.stop()
  }

  /** Ask again and again until the signal aborts. Rejects with what is no outage of the store. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.ask()
      // Its abort ends the pause.
      await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Ask workers and store once. An outage is `problem` of the snapshot. */
  async ask(timeout: number = REPLY_TIMEOUT_MS): Promise<void> {
    try {
      const answers = await askWorkers(this.#control.inspect({ timeout }))
      const taken = [...answers.values()].flatMap(({ queues }) => queues)
      const names = [...new Set([...queuesOf(this.#app), ...taken])].slice(0, MAX_QUEUES)
      this.#queues = await queueSizes(this.#app, names)
      this.#blocked = await blockedOf(this.#app)
      this.#answers = answers
      this.#problem = undefined
      const now = this.#now()
      const fresh = [...answers.keys()].filter((name) => !this.#answered.has(name))
      if (this.#enables && fresh.length > 0) await this.#control.enableEvents({ destination: fresh, timeout })
      for (const name of answers.keys()) this.#answered.set(name, now)
      for (const [name, at] of this.#answered) if (now - at > SHOWN_MS) this.#answered.delete(name)
    } catch (error) {
      if (!isStoreAway(error)) throw error
      this.#problem = (error as Error).message
    }
    this.#asked = true
  }

  /** All workers send events of their tasks from now on, also those that start later. How many replied. */
  async enableEvents(timeout: number = REPLY_TIMEOUT_MS): Promise<number> {
    this.#enables = true
    return (await this.#control.enableEvents({ timeout })).length
  }

  /** This worker was asked to take no more tasks, or to take them again. */
  setQuiet(worker: string, isQuiet: boolean): void {
    if (isQuiet) this.#quiet.add(worker)
    else this.#quiet.delete(worker)
  }

  isQuiet(worker: string): boolean {
    return this.#quiet.has(worker)
  }

  snapshot(): Snapshot {
    const at = this.#now()
    this.#rates.sample(at)
    return {
      at,
      broker: String(this.#app.config.broker),
      problem: this.#problem ?? this.#receiver.problem?.message,
      asked: this.#asked,
      workers: this.#workers(at),
      queues: this.#queues,
      blocked: this.#blocked,
      rates: this.#rates.at(at),
      running: this.#running(at),
      failures: this.#failures,
    }
  }

  #workers(now: number): TopWorker[] {
    const { workers } = this.#receiver.cluster
    const names = new Set([...workers.keys(), ...this.#answered.keys()])
    const all = [...names].flatMap((name) => {
      const worker = workers.get(name)
      const answer = this.#answers.get(name)
      const state = this.#stateOf(name, now)
      if (state === undefined) return []
      return {
        ...{ name, state, pool: answer?.pool, slots: answer?.slots, load: worker?.loadavg?.[0] },
        active: answer?.running.length ?? worker?.active,
        processed: answer?.processed ?? worker?.processed,
      }
    })
    return all.sort((a, b) => compare(a.name, b.name))
  }

  /** Undefined for one that is not shown any more. */
  #stateOf(name: string, now: number): WorkerState | undefined {
    const worker = this.#receiver.cluster.workers.get(name)
    const isBeating = worker?.isAlive(now) === true
    const isEnded = worker?.seen === 0
    if (this.#answers.has(name) && !isEnded) return this.#quiet.has(name) ? 'quiet' : 'online'
    // Until the first answers have come, no worker is late with one.
    if (isBeating) return this.#asked ? 'silent' : 'online'
    const last = Math.max(worker?.seen ?? 0, this.#answered.get(name) ?? 0)
    if (now - last > SHOWN_MS) return undefined
    return isEnded ? 'offline' : 'lost'
  }

  #running(now: number): TopTask[] {
    const all = [...this.#answers].flatMap(([worker, { running }]) =>
      running.map(({ id, name, began }) => {
        const seconds = began === undefined ? 0 : Math.max(0, now / 1000 - began)
        return { id, name, worker, seconds }
      }),
    )
    return all.sort((a, b) => b.seconds - a.seconds || compare(a.id, b.id)).slice(0, MAX_RUNNING)
  }

  #take({ type, uuid, hostname, timestamp, exception }: Event): void {
    this.#rates.count(type)
    if (type === 'worker-online') this.#startAgain(hostname)
    if (type !== 'task-failed' || uuid === undefined) return
    const name = this.#receiver.cluster.tasks.get(uuid)?.name ?? '?'
    const text = typeof exception === 'string' ? exception.slice(0, 500) : '?'
    this.#failures.unshift({ id: uuid, name, worker: hostname, exception: text, at: timestamp * 1000 })
    this.#failures.length = Math.min(this.#failures.length, MAX_FAILURES)
  }

  /** Nothing that was asked of it before holds. */
  #startAgain(worker: string): void {
    this.#quiet.delete(worker)
    this.#answered.delete(worker)
  }

  #now(): number {
    return this.#app.config.clock.now()
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
