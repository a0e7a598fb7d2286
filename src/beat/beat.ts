import type { App } from '../app/app.ts'
import { shareLog } from '../app/shareLog.ts'
import { backoffDelay } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { LogOption } from '../std/log.ts'
import { requireNode } from '../std/node.ts'
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
export class Beat {
  readonly app: App
  readonly #schedules: Schedules
  readonly #clock: Clock
  readonly #sleeper: Sleeper
  readonly #logger: LogOption | undefined
  #endLog: () => void = () => undefined
  #parts:
    | { readonly ticker: Ticker; readonly follower: TaskWatcher; readonly unsubscribe: () => Promise<void> }
    | undefined
  #starting: Promise<void> | undefined
  #loop: Promise<void> | undefined
  #stopping = false

  constructor(app: App, { clock = app.config.clock, logger }: BeatOptions = {}) {
    this.app = app
    this.#schedules = schedulesOf(app)
    this.#clock = clock
    this.#logger = logger
    this.#sleeper = new Sleeper(clock)
  }

  /**
   * Store what the code defines, then begin. Rejects with ConfigError where the app's stores can keep no schedule, with
   * StoreUnavailableError when they do not answer. A second call has no effect.
   */
  start(): Promise<void> {
    if (!this.#starting) this.#endLog = shareLog(this.app, 'beat', this.#logger, (...to) => logBeat(this.app, ...to))
    this.#starting ??= this.#begin().catch((error: unknown) => {
      this.#endLog()
      // Not kept: the next call tries again.
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #begin(): Promise<void> {
    if (this.#stopping) return
    const store = await this.#schedules.store()
    const entries = await this.#schedules.sync(this.#clock.now())
    const unsubscribe = await store.onChange(() => this.#sleeper.wake())
    const { backend } = await this.app.stores()
    const sender = new Sender(this.app, store, this.#clock)
    const ticker = new Ticker({ app: this.app, store, sender, clock: this.#clock })
    const follower = new TaskWatcher(backend, () => this.#sleeper.wake())
    this.#parts = { ticker, follower, unsubscribe }
    this.app.signals.emit('beat:ready', { entries, store: store.url })
    this.#loop = this.#run(ticker, follower)
  }

  /** Send what was claimed, then claim no more. Other beats continue. A second call has no effect. */
  async stop(): Promise<void> {
    const first = !this.#stopping
    this.#stopping = true
    this.#sleeper.wake()
    // The caller of `start` gets the reason why it cannot start.
    await this.#starting?.catch(() => undefined)
    await this.#loop
    if (!first || !this.#parts) {
      this.#endLog()
      return
    }
    this.#parts.follower.close()
    try {
      await this.#parts.unsubscribe()
    } catch (error) {
      this.app.signals.emit('beat:error', { error, doing: 'stopping' })
    }
    this.app.signals.emit('beat:shutdown', {})
    this.#endLog()
  }

  async #run(ticker: Ticker, follower: TaskWatcher): Promise<void> {
    let failures = 0
    while (!this.#stopping) {
      let next: number | undefined
      try {
        const look = await ticker.look()
        next = look.next
        follower.follow(look.awaited)
        if (next === undefined) await this.#schedules.restore(this.#clock.now())
        failures = 0
      } catch (error) {
        // Reported once; the missed runs are handled by the option `missed` of their entries.
        if (failures === 0)
          this.app.signals.emit('beat:error', { error, doing: 'the schedule cannot be read or changed' })
        next = this.#clock.now() + backoffDelay(RETRY_BACKOFF, failures++)
      }
      if (!this.#stopping) await this.#sleeper.sleep(next)
    }
  }
}
