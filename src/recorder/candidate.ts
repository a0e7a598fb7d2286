import type { App } from '../app/app.ts'
import { withDeadline } from '../std/deadline.ts'
import { ConfigError } from '../std/errors.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import type { FileThread } from './file/fileThread.ts'
import { isGone, newHolder } from './holder.ts'
import { Intake, type IntakeParts } from './intake.ts'

/** A process that records and is silent for this long is replaced by another, ms. */
const LEASE_MS = 10_000
/** How often the others ask whether it still does, ms. */
const CLAIM_MS = 2000
/** How long the last events may take at the end, ms. */
const STOP_MS = 5000

/** One of the processes that would record: of all on a file, one does. */
export class Candidate implements Service {
  readonly #app: App
  readonly #thread: FileThread
  readonly #others: Pick<IntakeParts, 'forget' | 'written'>
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  /** For people, and unique. */
  readonly holder: string = newHolder()
  #intake: Intake | undefined
  #stopTimer: (() => void) | undefined
  #turning: Promise<unknown> = Promise.resolve()
  #isStopped = false
  #problem: string | undefined

  constructor(app: App, thread: FileThread, others: Pick<IntakeParts, 'forget' | 'written'>) {
    this.#app = app
    this.#thread = thread
    this.#others = others
  }

  /** This process records. */
  get records(): boolean {
    return this.#intake !== undefined
  }

  get problem(): string | undefined {
    return this.#intake?.problem ?? this.#problem
  }

  /** Resolves when it records, or another process does. Rejects with ConfigError. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    this.#isStopped = false
    run.defer(() => this.#close())
    const error = await this.#turn()
    // Waiting does not help.
    if (error instanceof ConfigError) throw error
    this.#wait()
  }

  get #now(): number {
    return Math.floor(this.#app.config.clock.now())
  }

  async #close(): Promise<void> {
    this.#isStopped = true
    this.#stopTimer?.()
    await withDeadline(this.#turning, STOP_MS, () => undefined)
    await this.#end()
  }

  #wait(): void {
    if (this.#isStopped) return
    this.#stopTimer = this.#app.config.clock.after(
      CLAIM_MS,
      () => {
        this.#turning = this.#turn().then(() => this.#wait())
      },
      true,
    )
  }

  /** Never rejects. Returns what failed. */
  async #turn(): Promise<unknown> {
    try {
      const setAside = await this.#thread.call('open', this.#now)
      if (setAside !== undefined) this.#warn(`its file was damaged: it is now ${setAside}, and a new one was begun`)
      const isHeld = await this.#claim()
      if (isHeld && !this.#intake) await this.#begin()
      if (!isHeld && this.#intake) await this.#end()
      this.#problem = undefined
      return undefined
    } catch (error) {
      const { message } = error as Error
      if (this.#problem === undefined && !(error instanceof ConfigError))
        this.#app.config.logger.error({ err: error }, `the recorder does not run, and tries again: ${message}`)
      this.#problem = message
      return error
    }
  }

  async #claim(): Promise<boolean> {
    const claim = { holder: this.holder, now: this.#now, lease: LEASE_MS }
    const holder = await this.#thread.call('claim', claim)
    if (holder === this.holder || !isGone(holder)) return holder === this.holder
    return (await this.#thread.call('claim', { ...claim, instead: holder })) === this.holder
  }

  #warn(message: string): void {
    this.#app.config.logger.warn({}, `the recorder: ${message}`)
  }

  async #begin(): Promise<void> {
    const intake = new Intake({
      ...{ app: this.#app, thread: this.#thread, holder: this.holder, lease: LEASE_MS, ...this.#others },
      lost: () => void this.#end().catch(() => undefined),
    })
    try {
      await intake.start()
    } catch (error) {
      // Another process may reach what this one does not.
      await this.#thread.call('release', this.holder, this.#now).catch(() => undefined)
      throw error
    }
    this.#intake = intake
  }

  async #end(): Promise<void> {
    const intake = this.#intake
    this.#intake = undefined
    if (!intake) return
    await withDeadline(intake.stop(), STOP_MS, () => undefined)
    await this.#thread.call('release', this.holder, this.#now).catch(() => undefined)
  }
}
