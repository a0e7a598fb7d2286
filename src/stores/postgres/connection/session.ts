import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { packageFile } from '../../../std/packageFile.ts'
import { ServiceThread } from '../../../std/serviceThread.ts'
import { asError } from '../../../std/thrown.ts'
import type { Listening, NotificationListener } from './listening.ts'
import { type PostgresAddress, parsePostgresUrl } from './url.ts'

/** What the thread needs. */
export interface SessionFacts {
  /** With the password. */
  readonly url: string
  /** Shown by the server's `pg_stat_activity`. */
  readonly name: string
  /** ms */
  readonly lease: number
}

/** Commands to the thread. `listen`: its number comes back in the report that says it is in effect. */
export type SessionCommand =
  | { readonly add: number }
  | { readonly remove: number }
  | { readonly listen: string; readonly number: number }
  | { readonly unlisten: string }
  | { readonly close: true }

/** Why the connection cannot be used. An error loses its class on the way between threads. */
export interface SessionProblem {
  readonly message: string
  readonly isConfig: boolean
  /** Waiting does not correct it, as a wrong password. */
  readonly isLasting: boolean
}

/** What the thread reports; what is absent has not changed. */
export interface SessionReport {
  /** null: there is none any more. */
  readonly problem?: SessionProblem | null
  /** Consumers that no longer exist: their leases were over, and another process deleted them. */
  readonly lost?: readonly number[]
  /** Numbers of `listen` commands that are in effect; once more after each reconnection: some may have been missed. */
  readonly listening?: readonly number[]
  /** Channel and payload of each, in order. */
  readonly notifications?: readonly (readonly [channel: string, payload: string])[]
}

/** A channel that has listeners. */
interface Channel {
  readonly name: string
  readonly number: number
  readonly listeners: Set<NotificationListener>
  /** Calls of `on` that wait. */
  readonly waiting: Set<{ readonly resolve: () => void; readonly reject: (error: Error) => void }>
  isOn: boolean
}

const DEFAULT_WAIT_MS = 10_000
/** How often listeners are called where nothing can be listened to, ms. */
const POLL_MS = 1000

/**
 * The one connection of this process that listens and renews the leases of its consumers; it also rescues the messages
 * of dead ones. A thread holds it, so that a task which blocks the event loop does not lose its lease.
 */
export class Session implements Listening {
  readonly #address: PostgresAddress
  readonly #thread: ServiceThread<SessionCommand, SessionReport>
  readonly #lost = new Map<number, () => void>()
  readonly #channels = new Map<string, Channel>()
  readonly #polls = new Set<NodeJS.Timeout>()
  readonly #wait: number
  #numbers = 0
  #closed = false

  /** Why leases cannot be renewed and no notification arrives, while that is so. */
  problem: Error | undefined

  /** `wait`: how long `on` waits for an unavailable server, ms. Default 10 s. */
  constructor(facts: SessionFacts, wait: number = DEFAULT_WAIT_MS) {
    this.#wait = wait
    this.#address = parsePostgresUrl(facts.url)
    this.#thread = new ServiceThread({
      name: 'celeriac session',
      file: threadFile,
      data: facts,
      hear: (report) => this.#hear(report),
      failed: (error) => {
        this.problem = error
      },
      restarted: () => {
        for (const id of this.#lost.keys()) this.#thread.tell({ add: id })
        for (const { name, number } of this.#channels.values()) this.#thread.tell({ listen: name, number })
      },
    })
  }

  /** Notifications arrive. False behind a pool of connections: listeners are called at intervals of 1 s instead. */
  get pushes(): boolean {
    return !this.#address.pooled
  }

  /**
   * Called before the first lease: a thread takes time to start, on a busy machine more than a short lease lasts.
   * Rejects with ConfigError where its file is missing.
   */
  open(): Promise<void> {
    return this.#thread.open()
  }

  /** Renew the lease of this consumer of ours from now on; `lost` is called if it is lost nevertheless. */
  add(id: number, lost: () => void): void {
    if (this.#closed) return
    this.#lost.set(id, lost)
    this.#start()
    this.#thread.tell({ add: id })
  }

  remove(id: number): void {
    if (this.#lost.delete(id)) this.#thread.tell({ remove: id })
  }

  /** `channel`: with the schema, by `channelOf` or `queueChannel`. Waits for an unavailable server. */
  async on(channel: string, listener: NotificationListener): Promise<() => void> {
    if (this.#closed) throw this.#closedError()
    if (this.#address.pooled) return this.#poll(listener)
    // One function may listen twice.
    const own: NotificationListener = (payload) => listener(payload)
    const entry = this.#channels.get(channel) ?? this.#listen(channel)
    entry.listeners.add(own)
    const off = (): void => this.#off(entry, own)
    try {
      if (!entry.isOn) await this.#inEffect(entry)
    } catch (error) {
      off()
      throw error
    }
    return off
  }

  /** Resolves when the thread has ended. Leases that were renewed so far end by themselves. */
  async close(): Promise<void> {
    this.#closed = true
    for (const poll of this.#polls) clearInterval(poll)
    this.#polls.clear()
    for (const { waiting } of this.#channels.values()) for (const { reject } of waiting) reject(this.#closedError())
    await this.#thread.close()
  }

  #start(): void {
    this.#thread.open().catch((error: unknown) => this.#failed(asError(error)))
  }

  #failed(error: Error): void {
    this.problem = error
    for (const { waiting } of this.#channels.values()) for (const { reject } of waiting) reject(error)
  }

  #listen(name: string): Channel {
    const number = ++this.#numbers
    const channel: Channel = { name, number, listeners: new Set(), waiting: new Set(), isOn: false }
    this.#channels.set(name, channel)
    this.#start()
    this.#thread.tell({ listen: name, number })
    return channel
  }

  #off(channel: Channel, listener: NotificationListener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return
    this.#channels.delete(channel.name)
    this.#thread.tell({ unlisten: channel.name })
  }

  #inEffect({ waiting }: Channel): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        waiting.delete(entry)
      }
      const entry = {
        resolve: () => {
          settle()
          resolve()
        },
        reject: (error: Error) => {
          settle()
          reject(error)
        },
      }
      const timer = setTimeout(() => entry.reject(this.#late()), this.#wait)
      waiting.add(entry)
    })
  }

  #poll(listener: NotificationListener): () => void {
    const poll = setInterval(listener, POLL_MS, undefined).unref()
    this.#polls.add(poll)
    return () => {
      clearInterval(poll)
      this.#polls.delete(poll)
    }
  }

  #hear({ problem, lost = [], listening = [], notifications = [] }: SessionReport): void {
    if (problem !== undefined) this.#change(problem)
    for (const id of lost) {
      const tell = this.#lost.get(id)
      this.#lost.delete(id)
      tell?.()
    }
    for (const [name, payload] of notifications) for (const listener of this.#listenersOf(name)) listener(payload)
    const numbers = new Set(listening)
    for (const channel of [...this.#channels.values()]) if (numbers.has(channel.number)) this.#isOn(channel)
  }

  #listenersOf(name: string): NotificationListener[] {
    return [...(this.#channels.get(name)?.listeners ?? [])]
  }

  #isOn(channel: Channel): void {
    const wasOn = channel.isOn
    channel.isOn = true
    for (const { resolve } of channel.waiting) resolve()
    if (wasOn) for (const listener of this.#listenersOf(channel.name)) listener(undefined)
  }

  #change(problem: SessionProblem | null): void {
    if (problem === null) {
      this.problem = undefined
      return
    }
    const { message, isConfig, isLasting } = problem
    const error = isConfig ? new ConfigError(message) : new StoreUnavailableError(message)
    if (isLasting) this.#failed(error)
    else this.problem = error
  }

  #late(): Error {
    const reason = this.problem?.message ?? `${this.#address.url}: nothing can be listened to`
    return new StoreUnavailableError(`${reason} (waited ${this.#wait} ms)`, { cause: this.problem })
  }

  #closedError(): StoreUnavailableError {
    return new StoreUnavailableError(`${this.#address.url}: the store is closed`)
  }
}

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(
    import.meta.url,
    'stores/postgres/connection/session',
    'stores/postgres/connection/sessionThread',
  )
  return file
}
