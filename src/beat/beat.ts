import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { shareLog } from '../app/shareLog.ts'
import { backoffDelay } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { type LogOption, requireLog } from '../std/log.ts'
import { requireNode } from '../std/node.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import type { StopSignal } from '../std/stopSignal.ts'
import { logBeat } from './logging.ts'
import { type Schedules, schedulesOf } from './schedules.ts'
import { Sender } from './sender.ts'
import { Sleeper } from './sleeper.ts'
import { TaskWatcher } from './taskWatcher.ts'
import { Ticker } from './ticker.ts'

export type { Clock } from '../std/clock.ts'

requireNode()

/** How a beat runs. */
export interface BeatOptions {
  /** Whose time it keeps. Default: the app's `clock`. */
  clock?: Clock | undefined
  /** Where its log goes: a line for each run that it sends. `false`: nowhere. Default: the app's `logger`. */
  logger?: LogOption | undefined
}

/** Delays between attempts while the store is unavailable, ms. */
const RETRY_BACKOFF = { kind: 'exponential', delay: 250, maxDelay: 10_000, jitter: 'full' } as const

/**
 * Sends the tasks of an app's schedule when they are due. Any number of beats may run on a store: each due run is
 * claimed by one of them, and sent by another if that one dies. It sleeps until something is due or changes.
 */
export class Beat implements Service {
  readonly app: App
  readonly #schedules: Schedules
  readonly #clock: Clock
  readonly #sleeper: Sleeper
  readonly #logger: LogOption | undefined
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))

  constructor(app: App, { clock = app.config.clock, logger }: BeatOptions = {}) {
    this.app = app
    this.#schedules = schedulesOf(app)
    this.#clock = clock
    if (logger !== undefined) requireLog(logger, 'Beat: logger')
    this.#logger = logger
    this.#sleeper = new Sleeper(clock)
  }

  /**
   * Put what the code defines into the store, then begin. Rejects with ConfigError where the app's stores can keep no
   * schedule, with StoreUnavailableError when they do not answer; then the next call tries again. A call while it
   * starts or runs joins the first. A beat that has stopped can be started again.
   */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** Send what was claimed, then claim no more. Other beats continue. A second call has no effect. */
  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    run.defer(shareLog(this.app, 'beat', this.#logger, (...to) => logBeat(this.app, ...to)))
    const store = await this.#schedules.store()
    const entries = await this.#schedules.sync(this.#clock.now())
    const { backend } = await internalsOf(this.app).stores()
    const unsubscribe = await store.onChange(() => this.#sleeper.wake())
    const sender = new Sender(this.app, store, this.#clock)
    const ticker = new Ticker({ app: this.app, store, sender, clock: this.#clock })
    const watcher = new TaskWatcher(backend, () => this.#sleeper.wake())
    run.stopping.addEventListener('abort', () => this.#sleeper.wake())
    this.app.signals.emit('beat:ready', { entries, store: store.url })
    const loop = this.#run(ticker, watcher, run.stopping)
    run.defer(async () => {
      await loop
      watcher.close()
      await this.#orTell(unsubscribe())
      this.app.signals.emit('beat:shutdown', {})
    })
  }

  async #orTell(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      this.app.signals.emit('beat:error', { error, doing: 'stopping' })
    }
  }

  async #run(ticker: Ticker, watcher: TaskWatcher, stopping: StopSignal): Promise<void> {
    let failures = 0
    while (!stopping.aborted) {
      let next: number | undefined
      try {
        const look = await ticker.look()
        next = look.next
        watcher.follow(look.awaited)
        if (next === undefined) await this.#schedules.restore(this.#clock.now())
        failures = 0
      } catch (error) {
        // Reported once; the missed runs are handled by the option `missed` of their entries.
        if (failures === 0)
          this.app.signals.emit('beat:error', { error, doing: 'the schedule cannot be read or changed' })
        next = this.#clock.now() + backoffDelay(RETRY_BACKOFF, failures++)
      }
      if (!stopping.aborted) await this.#sleeper.sleep(next)
    }
  }
}
