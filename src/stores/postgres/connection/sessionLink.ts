import { setTimeout as sleep } from 'node:timers/promises'
import { backoffDelay } from '../../../std/backoff.ts'
import { ConfigError } from '../../../std/errors.ts'
import { asError, isDefect } from '../../../std/thrown.ts'
import { errorOf } from './errors.ts'
import { Link, type LinkOptions } from './link.ts'
import type { Step } from './pipeline.ts'
import type { SessionReport } from './session.ts'
import type { PostgresAddress } from './url.ts'

const RECONNECT_BACKOFF = { kind: 'exponential', delay: 50, jitter: 'full' } as const
const MIN_DELAY_MS = 20

export interface SessionLinkOptions extends LinkOptions {
  /** The longest wait between two tries to open it, ms. */
  readonly maxDelay: number
}

/** The connection of the thread: opened again, for ever, when it ends, and then it listens to the same channels. */
export class SessionLink {
  readonly #address: PostgresAddress
  readonly #options: SessionLinkOptions
  readonly #report: (report: SessionReport) => void
  /** Channels that are asked for, with the numbers of their commands. */
  readonly #wanted = new Map<string, number>()
  /** Numbers of those in effect on the connection that is open. */
  #listening = new Set<number>()
  #link: Link | undefined
  #wasOpen = false
  #hasProblem = false
  #closed = false
  /** Called when it is open, again and again. */
  onOpen: () => void = () => undefined

  constructor(address: PostgresAddress, options: SessionLinkOptions, report: (report: SessionReport) => void) {
    this.#address = address
    this.#options = options
    this.#report = report
  }

  /** Absent while there is none. */
  get link(): Link | undefined {
    return this.#link
  }

  /** Open it, until that succeeds. */
  async open(): Promise<void> {
    for (let failures = 0; !this.#closed; failures++) {
      try {
        this.#use(await Link.open(this.#address, this.#options))
        return
      } catch (error) {
        this.problem(error)
      }
      const backoff = { ...RECONNECT_BACKOFF, maxDelay: this.#options.maxDelay }
      await sleep(Math.max(MIN_DELAY_MS, backoffDelay(backoff, failures)))
    }
  }

  listen(channel: string, number: number): void {
    this.#wanted.set(channel, number)
    void this.#listen()
  }

  unlisten(channel: string): void {
    this.#wanted.delete(channel)
    void this.#try([`UNLISTEN ${quoted(channel)}`])
  }

  /** Reports it, unless this connection is closed. */
  problem(thrown: unknown): void {
    if (this.#closed) return
    const error = errorOf(asError(thrown), this.#address.url)
    const isConfig = error instanceof ConfigError
    this.#hasProblem = true
    // One that was right before may be right again.
    const isLasting = (isConfig && !this.#wasOpen) || isDefect(error)
    this.#report({ problem: { message: error.message, isConfig, isLasting } })
  }

  /** To be called when the server has done what was asked for. */
  noProblem(): void {
    if (!this.#hasProblem) return
    this.#hasProblem = false
    this.#report({ problem: null })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#link?.close()
  }

  #use(link: Link): void {
    if (this.#closed) {
      link.end()
      return
    }
    this.#link = link
    this.#wasOpen = true
    this.#listening = new Set()
    link.onNotification = (channel, payload) => this.#report({ notifications: [[channel, payload]] })
    link.onEnd = (error) => {
      this.#link = undefined
      this.problem(error)
      void this.open()
    }
    this.noProblem()
    void this.#listen()
    this.onOpen()
  }

  async #listen(): Promise<void> {
    const link = this.#link
    const missing = [...this.#wanted].filter(([, number]) => !this.#listening.has(number))
    if (!link || missing.length === 0) return
    // In order: a later command finds these asked for already.
    for (const [, number] of missing) this.#listening.add(number)
    if (await this.#try(missing.map(([channel]) => `LISTEN ${quoted(channel)}`)))
      this.#report({ listening: missing.map(([, number]) => number) })
  }

  /** True when it is done. A connection that cannot do it is replaced. */
  async #try(texts: readonly string[]): Promise<boolean> {
    const link = this.#link
    if (!link) return false
    try {
      await link.run(texts.map(unkept))
      return true
    } catch (error) {
      this.problem(error)
      link.end()
      return false
    }
  }
}

function unkept(text: string): Step {
  return { statement: { name: '', text }, values: [] }
}

/** As a name in SQL. */
function quoted(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`
}
