import type { LimitStore } from '../../broker/limits.ts'
import { queueOfRule, taskOfRule } from '../../config/task/limitPlan.ts'
import { type Clock, MAX_TIMER_MS } from '../../std/clock.ts'

interface PausesParts {
  readonly limits: LimitStore
  readonly clock: Clock
  /** What is paused has changed. */
  changed(): Promise<void>
  failed(error: unknown): void
}

/** How many pauses a worker knows. */
const MAX_PAUSES = 10_000
/** Read again after this time, ms, where the store has notified of nothing: a notification may be lost. */
const REFRESH_INTERVAL_MS = 10_000
/** Read again after an attempt that failed, ms. */
const RETRY_DELAY_MS = 1000

/**
 * Which queues and tasks are paused, as the store says it. A message of a lane never comes while one of its limits is
 * paused; these are for the messages that have none.
 */
export class Pauses {
  readonly #parts: PausesParts
  #queues: ReadonlySet<string> = new Set()
  #tasks: ReadonlySet<string> = new Set()
  #stopHearing: (() => void) | undefined
  #cancel: (() => void) | undefined
  #reading: Promise<void> | undefined
  #again = false
  #isStopped = false

  constructor(parts: PausesParts) {
    this.#parts = parts
  }

  get queues(): ReadonlySet<string> {
    return this.#queues
  }

  get tasks(): ReadonlySet<string> {
    return this.#tasks
  }

  /** Rejects with StoreUnavailableError. */
  async start(): Promise<void> {
    // Listening before reading: a pause of this moment is in one of the two.
    this.#stopHearing = this.#parts.limits.onPause(() => this.#refresh())
    await this.#read()
    this.#plan(REFRESH_INTERVAL_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    this.#stopHearing?.()
    await this.#reading
  }

  #refresh(): void {
    this.#again = true
    this.#reading ??= this.#readAll()
  }

  async #readAll(): Promise<void> {
    let delay = REFRESH_INTERVAL_MS
    try {
      while (this.#again && !this.#isStopped) {
        this.#again = false
        await this.#read()
      }
    } catch (error) {
      delay = RETRY_DELAY_MS
      this.#parts.failed(error)
    }
    this.#reading = undefined
    this.#plan(delay)
  }

  async #read(): Promise<void> {
    const paused = await this.#parts.limits.list({ paused: true, limit: MAX_PAUSES })
    const rules = paused.filter(({ key }) => key === '').map(({ rule }) => rule)
    const queues = new Set(rules.flatMap((rule) => queueOfRule(rule) ?? []))
    const tasks = new Set(rules.flatMap((rule) => taskOfRule(rule) ?? []))
    const isUnchanged = isSame(queues, this.#queues) && isSame(tasks, this.#tasks)
    this.#queues = queues
    this.#tasks = tasks
    if (!isUnchanged) await this.#parts.changed()
  }

  #plan(delay: number): void {
    this.#cancel?.()
    if (this.#isStopped) return
    this.#cancel = this.#parts.clock.after(Math.min(delay, MAX_TIMER_MS), () => this.#refresh(), true)
  }
}

function isSame(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return some.size === others.size && [...some].every((one) => others.has(one))
}
