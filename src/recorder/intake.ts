import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { EventReceiver } from '../events/receiver.ts'
import type { Event } from '../protocol/event.ts'
import { StoreUnavailableError } from '../std/errors.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { Enabler } from './enabler.ts'
import type { FileThread } from './file/fileThread.ts'
import type { ForgetFilter } from './fold/ingest.ts'
import type { Description } from './fold/jobEntry.ts'
import { Inbox } from './inbox.ts'

/**
 * How long events are gathered for a transaction, ms: for this part of the time of the one before, so that few are
 * shown at once, and many cost no more than before. So many events end the wait.
 */
const MIN_GATHER_MS = 20
const MAX_GATHER_MS = 200
const GATHER_SHARE = 5
const MANY_EVENTS = 1000
/** Without events, how often it looks whether something else is due, ms. */
const IDLE_MS = 500
/** Without events, how often it is written that there were none, ms. */
const QUIET_MS = 2000
/** Wait after a transaction that failed, ms. */
const RETRY_MS = 1000
/** How long events are awaited at the end, ms. */
const LAST_EVENTS_MS = 100
/** How often old data are looked for, ms. */
const KEEP_MS = 1000
/** How often submission metadata that could not be read are asked for again, ms. */
const DESCRIBE_AGAIN_MS = 5000
/** Jobs whose submission metadata are known to be written. */
const MAX_DESCRIBED = 50_000
const MAX_ASKED = 1000

export interface IntakeParts {
  readonly app: App
  readonly thread: FileThread
  readonly holder: string
  /** ms */
  readonly lease: number
  /** Another process records now. */
  readonly lost: () => void
  readonly forget: (filter: ForgetFilter) => Promise<unknown>
  /** Something was written. */
  readonly written: () => void
}

/** Receives the events of a fleet and writes them, while this process holds the lease. */
export class Intake implements Service {
  readonly #parts: IntakeParts
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  readonly #inbox = new Inbox()
  readonly #enabler: Enabler
  readonly #receiver: EventReceiver
  readonly #described = new Set<string>()
  #undescribed: readonly string[] = []
  #coverage = 0
  #wrote = 0
  /** How long the next events are gathered, ms. */
  #gather = MIN_GATHER_MS
  #kept = 0
  #asked = 0
  #unreadable = 0
  #outage: number | undefined
  #problem: string | undefined
  #stopTimer: (() => void) | undefined
  #flushing: Promise<void> | undefined
  #isStopped = false

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#enabler = new Enabler(parts.app)
    // The file has the state of the cluster; this keeps as little of it as it can.
    this.#receiver = new EventReceiver(parts.app, { maxTasks: 1, maxWorkers: 1 })
  }

  /** Why nothing is written. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Once. Rejects with StoreUnavailableError. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** Writes what has come, if it can. */
  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { thread } = this.#parts
    run.defer(async () => {
      this.#isStopped = true
      this.#stopTimer?.()
      await this.#flushing
      await this.#write().catch(() => undefined)
    })
    run.defer(this.#receiver.onEvent((event) => this.#take(event)))
    await this.#receiver.start()
    run.defer(async () => {
      // The last events of this process may be on their way.
      await new Promise((resolve) => setTimeout(resolve, LAST_EVENTS_MS))
      await this.#receiver.stop()
    })
    this.#coverage = await thread.call('begin', this.#now)
    this.#wrote = this.#now
    await this.#enabler.ask()
    this.#wait(this.#untilNext())
  }

  get #now(): number {
    return Math.floor(this.#parts.app.config.clock.now())
  }

  #take(event: Event): void {
    this.#inbox.add(event, this.#now)
    this.#enabler.see(event)
    if (this.#flushing || this.#problem !== undefined) return
    if (this.#inbox.size === 1) this.#wait(this.#gather)
    else if (this.#inbox.size === MANY_EVENTS) this.#flush()
  }

  #wait(ms: number): void {
    if (this.#isStopped) return
    this.#stopTimer?.()
    this.#stopTimer = this.#parts.app.config.clock.after(ms, () => this.#flush(), true)
  }

  #flush(): void {
    if (this.#flushing || this.#isStopped) return
    this.#stopTimer?.()
    this.#flushing = this.#turn().finally(() => {
      this.#flushing = undefined
      this.#wait(this.#problem === undefined ? this.#untilNext() : RETRY_MS)
    })
  }

  #untilNext(): number {
    const { size } = this.#inbox
    return size === 0 ? IDLE_MS : size >= MANY_EVENTS ? 0 : this.#gather
  }

  /** Never rejects. */
  async #turn(): Promise<void> {
    try {
      this.#watchBroker()
      await this.#write()
      if (this.#now - this.#kept >= KEEP_MS) {
        const more = await this.#parts.thread.call('keep', this.#now)
        if (!more) this.#kept = this.#now
      }
      this.#recovered()
      await this.#enabler.ask()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** While the broker is unavailable, events may be lost. */
  #watchBroker(): void {
    const { problem, unreadable } = this.#receiver
    if (problem) this.#outage ??= this.#now
    else if (this.#outage !== undefined) {
      this.#inbox.lose({ since: this.#outage, until: this.#now })
      this.#outage = undefined
    }
    if (unreadable === this.#unreadable) return
    this.#inbox.lose({ since: this.#wrote, until: this.#now, events: unreadable - this.#unreadable })
    this.#unreadable = unreadable
  }

  async #write(): Promise<void> {
    const { thread, holder, lease } = this.#parts
    const until = this.#now
    const taken = this.#inbox.peek()
    if (taken.texts.length === 0 && taken.losses.length === 0 && until - this.#wrote < QUIET_MS) return
    const described = await this.#describe(taken.ids)
    const claim = { holder, now: this.#now, lease }
    const { texts: events, losses } = taken
    const isAll = events.length === this.#inbox.size
    const batch = { claim, coverage: this.#coverage, events, described, losses, until: isAll ? until : this.#wrote }
    const began = performance.now()
    const written = await thread.call('ingest', batch).catch((error: unknown) => {
      // An event that cannot be written at all must not keep those that follow.
      if (!(error instanceof StoreUnavailableError)) this.#giveUp(taken)
      throw error
    })
    if (!written.isHeld) {
      this.#parts.lost()
      return
    }
    this.#inbox.drop(taken)
    this.#gather = Math.min(Math.max((performance.now() - began) * GATHER_SHARE, MIN_GATHER_MS), MAX_GATHER_MS)
    this.#wrote = until
    this.#undescribed = written.undescribed
    for (const id of described.keys()) this.#know(id)
    for (const filter of written.forget) await this.#parts.forget(filter)
    if (events.length > 0) this.#parts.written()
  }

  #giveUp(taken: ReturnType<Inbox['peek']>): void {
    this.#inbox.drop(taken)
    this.#inbox.lose({ since: this.#wrote, until: this.#now, events: taken.texts.length })
  }

  /** Owner and tags of jobs: one question for all that are new. */
  async #describe(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Description>> {
    const { app } = this.#parts
    const unknown = [...ids].filter((id) => !this.#described.has(id))
    if (this.#undescribed.length > 0 && this.#now - this.#asked >= DESCRIBE_AGAIN_MS) {
      this.#asked = this.#now
      for (const id of this.#undescribed) if (!ids.has(id)) unknown.push(id)
    }
    const described = new Map<string, Description>()
    if (unknown.length === 0) return described
    try {
      const { backend } = await internalsOf(app).stores()
      for (let at = 0; at < unknown.length; at += MAX_ASKED) {
        const some = unknown.slice(at, at + MAX_ASKED)
        const metadata = backend.jobs ? await backend.jobs.metadata(some) : []
        for (const [index, id] of some.entries()) {
          const { owner, tags } = metadata[index] ?? {}
          described.set(id, { owner, tags })
        }
      }
    } catch (error) {
      // The file says which jobs have none: they are asked for again.
      if (!(error instanceof StoreUnavailableError)) throw error
    }
    return described
  }

  #know(id: string): void {
    const [first] = this.#described
    if (this.#described.size >= MAX_DESCRIBED && first !== undefined) this.#described.delete(first)
    this.#described.add(id)
  }

  /** Reported once for each outage. */
  #failed(error: unknown): void {
    const { app, thread } = this.#parts
    const { message } = error as Error
    if (this.#problem === undefined) {
      app.config.logger.error({ err: error }, `the recorder cannot write, and tries again: ${message}`)
      // Where the file can be written at all, other processes see it.
      thread.call('problem', message, this.#now).catch(() => undefined)
    }
    this.#problem = message
  }

  #recovered(): void {
    if (this.#problem === undefined) return
    const { app, thread } = this.#parts
    app.config.logger.info({}, 'the recorder writes again')
    this.#problem = undefined
    thread.call('problem', null, this.#now).catch(() => undefined)
  }
}
