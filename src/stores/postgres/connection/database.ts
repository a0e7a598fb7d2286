import { setTimeout as sleep } from 'node:timers/promises'
import { ignoredWarning } from '../../../broker/urlParameters.ts'
import { backoffDelay } from '../../../std/backoff.ts'
import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { isDefect } from '../../../std/thrown.ts'
import { errorOf, isConflict, isOutage, isStalePlan } from './errors.ts'
import { Link } from './link.ts'
import type { Row, Step } from './pipeline.ts'
import { POSTGRES_IGNORED, type PostgresAddress } from './url.ts'

export interface DatabaseOptions {
  /** Shown by the server's `pg_stat_activity`. */
  readonly name: string
  /** How many connections it has at most. */
  readonly size?: number
  /** How long a call waits for an unavailable server, ms. Default 10 s. */
  readonly wait?: number
  readonly warn?: (message: string) => void
  /** Called with each new connection before it is used: if it rejects, the connection is not used. */
  readonly opened?: (link: Link) => Promise<void>
}

/** How a call is handled when its connection is lost. */
export interface RunOptions {
  /** It may be sent again although the server may have carried it out. Default false. */
  readonly repeatable?: boolean
  /** Since when the caller waits, by the clock of `performance`. Default: since now. */
  readonly since?: number
  /** Called before it is sent again after the server may have carried it out. */
  readonly repeating?: () => void
}

const DEFAULT_WAIT_MS = 10_000
const DEFAULT_SIZE = 2
/** A connection that is not open by then is tried again, ms: the network may have lost the first one. */
const MAX_OPENING_MS = 5000
const RECONNECT_BACKOFF = { kind: 'exponential', delay: 50, maxDelay: 1000, jitter: 'full' } as const
const CONFLICT_BACKOFF = { kind: 'exponential', delay: 5, maxDelay: 100, jitter: 'full' } as const
/** How often a transaction that the server has undone for the sake of another is sent again. */
const MAX_CONFLICTS = 6

interface Waiting {
  readonly take: (link: Link) => void
  readonly fail: (error: Error) => void
}

/** A database through a few connections, which are opened when they are needed, and again when they end. */
export class Database {
  readonly url: string
  readonly schema: string
  /** Not shown where a store is printed: it has the password. */
  readonly #address: PostgresAddress
  readonly #options: DatabaseOptions
  readonly #size: number
  readonly #wait: number
  readonly #idle: Link[] = []
  readonly #links = new Set<Link>()
  readonly #waiting: Waiting[] = []
  #opening = 0
  #failures = 0
  #wasOpen = false
  #problem: Error | undefined
  #reconnecting: NodeJS.Timeout | undefined
  #closed = false

  constructor(address: PostgresAddress, options: DatabaseOptions) {
    const { size = DEFAULT_SIZE, wait = DEFAULT_WAIT_MS, warn } = options
    this.#address = address
    this.url = address.url
    this.schema = address.schema
    this.#options = options
    this.#size = size
    this.#wait = wait
    if (address.ignored.length > 0) warn?.(ignoredWarning(address.url, address.ignored, POSTGRES_IGNORED))
  }

  get address(): PostgresAddress {
    return this.#address
  }

  /** Why no connection can be opened, while that is so. */
  get problem(): Error | undefined {
    return this.#problem
  }

  /** How many calls wait for a connection. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * The steps in one transaction and one round trip: the rows of each. Rejects with StoreUnavailableError, ConfigError,
   * or a CeleriacError for what the server refused.
   */
  async run(steps: readonly Step[], options: RunOptions = {}): Promise<Row[][]> {
    const { repeatable = false, repeating, since = performance.now() } = options
    const until = since + this.#wait
    for (let conflicts = 0; ; ) {
      const link = await this.#link(until - performance.now())
      try {
        return await link.run(steps)
      } catch (error) {
        const lost = link.ended !== undefined
        const isSafe = isStalePlan(error) || isConflict(error) || (repeatable && (lost || isOutage(error)))
        const left = until - performance.now()
        if (!isSafe || left <= 0 || this.#closed || (!lost && ++conflicts > MAX_CONFLICTS))
          throw errorOf(error, this.url)
        if (lost) repeating?.()
        else await sleep(Math.min(left, backoffDelay(CONFLICT_BACKOFF, conflicts)))
      } finally {
        this.#free(link)
      }
    }
  }

  /**
   * A transaction of several round trips. `work` gets a function that runs steps in it; if it rejects, all is undone.
   * Repeated, from its beginning, where the server has undone it for the sake of another transaction.
   */
  async transaction<Value>(
    work: (run: (steps: readonly Step[]) => Promise<Row[][]>) => Promise<Value>,
  ): Promise<Value> {
    for (let conflicts = 0; ; conflicts++) {
      const link = await this.#link(this.#wait)
      try {
        await link.run([BEGIN])
        const value = await work((steps) => link.run(steps))
        await link.run([COMMIT])
        return value
      } catch (error) {
        // A connection that cannot undo it is not used again.
        if (!link.ended) await link.run([ROLLBACK]).catch(() => link.end())
        if (!isConflict(error) || conflicts === MAX_CONFLICTS) throw errorOf(error, this.url)
      } finally {
        this.#free(link)
      }
      await sleep(backoffDelay(CONFLICT_BACKOFF, conflicts))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#reconnecting)
    for (const { fail } of this.#waiting.splice(0)) fail(this.#closedError())
    await Promise.all([...this.#links].map((link) => link.close()))
    this.#links.clear()
  }

  /** A connection for one caller, who returns it by `#free`. */
  #link(wait: number): Promise<Link> {
    const idle = this.#idle.pop()
    if (idle) return Promise.resolve(idle)
    if (this.#closed) return Promise.reject(this.#closedError())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(this.#late()), Math.max(0, wait))
      const entry: Waiting = {
        take: (link) => {
          clearTimeout(timer)
          resolve(link)
        },
        fail: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const fail = (error: Error): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(error)
      }
      this.#waiting.push(entry)
      this.#open()
    })
  }

  #free(link: Link): void {
    if (link.ended) return
    const next = this.#waiting.shift()
    if (next) next.take(link)
    else this.#idle.push(link)
  }

  /** Open one more connection, where calls wait and there may be one. */
  #open(): void {
    if (this.#closed || this.#reconnecting || this.#waiting.length <= this.#opening) return
    if (this.#links.size + this.#opening >= this.#size) return
    this.#opening++
    void this.#dial().finally(() => {
      this.#opening--
      this.#open()
    })
  }

  async #dial(): Promise<void> {
    const { name, opened } = this.#options
    try {
      const link = await Link.open(this.#address, {
        name,
        openTimeout: Math.min(this.#wait, MAX_OPENING_MS),
        statementTimeout: this.#wait,
      })
      try {
        await opened?.(link)
      } catch (error) {
        link.end()
        throw error
      }
      this.#use(link)
    } catch (error) {
      this.#failed(errorOf(error, this.url))
    }
  }

  #use(link: Link): void {
    if (this.#closed) {
      link.end()
      return
    }
    this.#links.add(link)
    link.onEnd = () => {
      this.#links.delete(link)
      const at = this.#idle.indexOf(link)
      if (at !== -1) this.#idle.splice(at, 1)
      this.#open()
    }
    this.#failures = 0
    this.#wasOpen = true
    this.#problem = undefined
    this.#free(link)
  }

  #failed(error: Error): void {
    if (this.#closed) return
    this.#problem = error
    // Waiting does not correct a wrong password. One that was right before may be right again.
    const isLasting = (error instanceof ConfigError && !this.#wasOpen) || isDefect(error)
    if (isLasting) for (const { fail } of this.#waiting.splice(0)) fail(error)
    this.#reconnecting ??= setTimeout(
      () => {
        this.#reconnecting = undefined
        this.#open()
      },
      Math.max(20, backoffDelay(RECONNECT_BACKOFF, this.#failures++)),
    )
  }

  #late(): Error {
    const reason = this.#problem?.message ?? `${this.url}: all connections are busy`
    return new StoreUnavailableError(`${reason} (waited ${this.#wait} ms)`, { cause: this.#problem })
  }

  #closedError(): StoreUnavailableError {
    return new StoreUnavailableError(`${this.url}: the store is closed`)
  }
}

const BEGIN: Step = { statement: { name: 'begin', text: 'BEGIN' }, values: [] }
const COMMIT: Step = { statement: { name: 'commit', text: 'COMMIT' }, values: [] }
const ROLLBACK: Step = { statement: { name: 'rollback', text: 'ROLLBACK' }, values: [] }
