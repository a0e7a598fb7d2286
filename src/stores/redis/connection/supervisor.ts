import { backoffDelay } from '../../../std/backoff.ts'
import { Deferred } from '../../../std/deferred.ts'
import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { isDefect } from '../../../std/thrown.ts'
import type { Arg } from './connection.ts'
import { errorOf } from './errors.ts'
import { type Reading, Session, type SessionEvents } from './session.ts'
import type { RedisAddress } from './url.ts'

/** How long a supervised connection waits, ms. */
export interface Patience {
  /** For an answer, before the socket is closed. */
  readonly timeout: number
  /** For a connection, before a command fails. */
  readonly wait: number
}

export interface SupervisorEvents {
  /** A connection is open; commands that wait are sent after this. */
  opened(session: Session, again: boolean): Promise<void>
  message: SessionEvents['message']
}

interface Waiting {
  until: number
  readonly send: (session: Session) => void
  readonly fail: (error: Error) => void
}

/** The connection is pinged after this time without traffic; and the longest time that opening may take, ms. */
const PING_DELAY_MS = 5000
const OPEN_TIMEOUT_MS = 5000
const RECONNECT_BACKOFF = { kind: 'exponential', delay: 50, maxDelay: 1000, jitter: 'full' } as const
const CHECK_INTERVAL_MS = 250
/** After a connection that lived this long the backoff starts from the beginning, ms. */
const MIN_GOOD_LIFETIME_MS = 1000

/** How one command is sent. */
export interface SendOptions {
  /** How long it may block, ms. */
  readonly block?: number
  /** How long it waits for a connection, ms. Default: `Patience.wait`. */
  readonly wait?: number
}

/** Keeps one connection open: opens it at the first use, and again whenever it ends, until it is closed. */
export class Supervisor {
  readonly #address: RedisAddress
  readonly #name: string | undefined
  readonly #patience: Patience
  readonly #events: SupervisorEvents
  #waiting: Waiting[] = []
  #session: Session | undefined
  #opening = false
  #opened = false
  #closed = false
  #failures = 0
  #openedAt = 0
  #problem: Error | undefined
  #silence: Error | undefined
  #reconnecting: NodeJS.Timeout | undefined
  #ticking: NodeJS.Timeout | undefined
  #ticked = 0

  constructor(address: RedisAddress, name: string | undefined, patience: Patience, events: SupervisorEvents) {
    this.#address = address
    this.#name = name
    this.#patience = patience
    this.#events = events
  }

  /** Why nothing can be sent or received now. */
  get problem(): Error | undefined {
    return this.#problem ?? this.#silence
  }

  /** Open it without a command. */
  start(): void {
    if (!this.#session && !this.#opening && !this.#reconnecting && !this.#closed) void this.#open()
  }

  /** Send now, or as soon as there is a connection. Rejects with the raw error of a reply. */
  send(name: string, args: readonly Arg[], reading: Reading, options: SendOptions = {}): Promise<unknown> {
    const session = this.#session
    if (session?.writable) return transmit(session, name, args, reading, options.block ?? 0)
    return this.#later(name, args, reading, options)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#reconnecting)
    clearInterval(this.#ticking)
    const error = this.#closedError()
    this.#session?.end(error)
    this.#session = undefined
    for (const { fail } of this.#waiting.splice(0)) fail(error)
  }

  #later(
    name: string,
    args: readonly Arg[],
    reading: Reading,
    { block = 0, wait = this.#patience.wait }: SendOptions,
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closedError())
    const { promise, resolve, reject } = new Deferred<unknown>()
    this.#waiting.push({
      until: performance.now() + wait,
      send: (session) => resolve(transmit(session, name, args, reading, block)),
      fail: reject,
    })
    this.start()
    return promise
  }

  async #open(): Promise<void> {
    this.#opening = true
    this.#reconnecting = undefined
    this.#tickOn()
    try {
      const { session, ended } = await this.#dial()
      if (this.#closed) return session.end(this.#closedError())
      const over = ended()
      if (over) throw over
      this.#session = session
      this.#openedAt = performance.now()
      this.#problem = undefined
      for (const { send } of this.#waiting.splice(0)) send(session)
      this.#opened = true
    } catch (error) {
      this.#failed(errorOf(error, this.#address.url))
    } finally {
      this.#opening = false
    }
  }

  /**
   * A session that is fully prepared. It may end at any time: `ended` reports it until the session is ours, `#lost`
   * from then on.
   */
  async #dial(): Promise<{ session: Session; ended: () => Error | undefined }> {
    let end: Error | undefined
    let session: Session | undefined
    const closed = (error: Error): void => {
      end = error
      if (session && session === this.#session) this.#lost(error)
    }
    const limit = Math.min(OPEN_TIMEOUT_MS, this.#patience.timeout)
    session = await Session.open(this.#address, this.#name, limit, { closed, message: this.#events.message })
    const preparing = session
    const timer = setTimeout(() => preparing.end(new StoreUnavailableError(`${this.#address.url}: no answer`)), limit)
    try {
      await this.#events.opened(session, this.#opened)
    } catch (error) {
      session.end(errorOf(error, this.#address.url))
      throw error
    } finally {
      clearTimeout(timer)
    }
    return { session, ended: () => end }
  }

  #lost(error: Error): void {
    this.#session = undefined
    this.#silence = undefined
    // A session that ends at once counts as a failure: a replica that was the master accepts all clients, and rejects
    // writes.
    if (performance.now() - this.#openedAt > MIN_GOOD_LIFETIME_MS) this.#failures = 0
    if (!this.#closed) this.#failed(error)
  }

  #failed(error: Error): void {
    if (this.#closed) return
    this.#problem = error
    // Waiting does not correct a wrong password. A password that was right before may be right again, and waiting
    // commands wait for that.
    const lasting = (error instanceof ConfigError && !this.#opened) || isDefect(error)
    if (lasting) for (const { fail } of this.#waiting.splice(0)) fail(error)
    const delay = Math.max(20, backoffDelay(RECONNECT_BACKOFF, this.#failures++))
    this.#reconnecting = setTimeout(() => void this.#open(), delay)
  }

  #tickOn(): void {
    if (this.#ticking) return
    this.#ticked = performance.now()
    const every = Math.max(10, Math.min(CHECK_INTERVAL_MS, this.#patience.timeout / 4, this.#patience.wait / 4))
    this.#ticking = setInterval(() => this.#tick(every), every)
    this.#ticking.unref()
  }

  #tick(every: number): void {
    const now = performance.now()
    const late = now - this.#ticked - every
    const stoodStill = late > 2 * every
    this.#ticked = now
    // The process itself was busy all that time: the server may have answered long ago.
    if (stoodStill) for (const one of this.#waiting) one.until += late
    const overdue = this.#waiting.filter(({ until }) => until < now)
    if (overdue.length > 0) this.#waiting = this.#waiting.filter(({ until }) => until >= now)
    for (const { fail } of overdue) fail(this.#waitedError())
    const session = this.#session
    if (stoodStill) session?.excuse()
    const silence = session?.watch(PING_DELAY_MS, this.#patience.timeout)
    this.#silence = session === this.#session ? silence : undefined
  }

  #waitedError(): Error {
    const cause = this.#problem
    const why = cause ? `: ${cause.message}` : ''
    return new StoreUnavailableError(`${this.#address.url}: not connected for ${this.#patience.wait} ms${why}`, {
      cause,
    })
  }

  #closedError(): Error {
    return new StoreUnavailableError(`${this.#address.url}: the connection is closed`)
  }
}

function transmit(
  session: Session,
  name: string,
  args: readonly Arg[],
  reading: Reading,
  block: number,
): Promise<unknown> {
  if (block > 0) session.allow(block)
  return session.send(name, args, reading)
}
