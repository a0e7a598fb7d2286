import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib'
import { backoffDelay } from '../../../std/backoff.ts'
import { withDeadline } from '../../../std/deadline.ts'
import { Deferred } from '../../../std/deferred.ts'
import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { isDefect } from '../../../std/thrown.ts'
import type { AmqpAddress } from '../url.ts'
import { isLasting } from './connectError.ts'
import { LivenessProbe, type ProbePace } from './livenessProbe.ts'

/** The part of amqplib that is used here. */
export type Dial = (address: AmqpAddress, name: string, timeout: number) => Promise<ChannelModel>

export interface ConnectionOptions {
  readonly addresses: readonly AmqpAddress[]
  /** Shown by the server. */
  readonly name: string
  /** How long a call waits for a connection, ms. */
  readonly wait: number
  readonly dial: Dial
  readonly standing: Standing
  readonly probe: ProbePace | undefined
}

/** State that all connections of one broker share. */
export interface Standing {
  /** A server has accepted us: later refusals are temporary, as while it starts, and calls wait. */
  accepted: boolean
}

const RECONNECT_BACKOFF = { kind: 'exponential', delay: 50, maxDelay: 1000, jitter: 'full' } as const
/** Longest that opening may take, ms. */
const OPEN_TIMEOUT_MS = 5000

/**
 * Keeps one connection open: opens it at the first use, and again, at the next address, whenever it ends, until it is
 * closed.
 */
export class AmqpConnection {
  readonly #options: ConnectionOptions
  readonly #opened = new Set<() => void>()
  readonly #waiting = new Set<Deferred<ChannelModel>>()
  #model: ChannelModel | undefined
  #probe: LivenessProbe | undefined
  #opening = false
  #closed = false
  #at = 0
  #failures = 0
  /** The addresses, by index, whose last answer was an error that waiting does not correct. */
  readonly #refusals = new Map<number, Error>()
  #problem: StoreUnavailableError | undefined
  #blocked: StoreUnavailableError | undefined
  #reconnecting: NodeJS.Timeout | undefined
  /** Resolved when a block ends, or the connection. */
  #unblocked: Deferred<void> | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Why it does not work now; undefined while it does. A server that takes no messages is one reason. */
  get problem(): StoreUnavailableError | undefined {
    return this.#problem ?? this.#blocked
  }

  /** True while there is a connection. */
  get open(): boolean {
    return this.#model !== undefined
  }

  /** Major version of the server; undefined before the first connection. */
  get serverMajor(): number | undefined {
    const version: unknown = this.#model?.connection.serverProperties.version
    return typeof version === 'string' ? Number.parseInt(version, 10) : undefined
  }

  /** Set while the server takes no messages (memory or disk alarm). */
  get blocked(): StoreUnavailableError | undefined {
    return this.#blocked
  }

  /**
   * Resolves when the server takes messages again; rejects with StoreUnavailableError when it does not within the wait.
   */
  async flowing(): Promise<void> {
    const until = performance.now() + this.#options.wait
    while (this.#blocked && this.#unblocked) {
      const blocked = this.#blocked
      await withDeadline(this.#unblocked.promise, until - performance.now(), () => {
        throw blocked
      })
    }
  }

  /** Called after each opening, the first included. The returned function ends it. */
  onOpen(listener: () => void): () => void {
    this.#opened.add(listener)
    return () => {
      this.#opened.delete(listener)
    }
  }

  /**
   * A new channel. Rejects with StoreUnavailableError when there is no connection within the wait; at once, with
   * ConfigError, where every address refuses us and none has ever accepted us.
   */
  async channel(): Promise<Channel> {
    return this.#withModel((model) => model.createChannel())
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return this.#withModel((model) => model.createConfirmChannel())
  }

  /** Open it without a use. */
  start(): void {
    if (!this.#model && !this.#opening && !this.#reconnecting && !this.#closed) void this.#open()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#reconnecting)
    this.#refuse(this.#closedError())
    const model = this.#model
    this.#lost(undefined)
    if (!model) return
    // A server that does not answer cannot be informed: the socket is closed.
    const end = setTimeout(() => destroy(model), OPEN_TIMEOUT_MS)
    const ended = new Promise((resolve) => model.once('close', resolve))
    // If the connection is lost meanwhile, the library never answers.
    await Promise.race([ended, model.close().catch(() => undefined)])
    clearTimeout(end)
  }

  async #withModel<Kind extends Channel>(create: (model: ChannelModel) => Promise<Kind>): Promise<Kind> {
    const model = await this.#ready()
    try {
      const channel = await create(model)
      // An error on the channel is reported by its end, and by the requests on it.
      channel.on('error', () => undefined)
      return channel
    } catch (error) {
      throw this.unavailable(error)
    }
  }

  #ready(): Promise<ChannelModel> {
    if (this.#model) return Promise.resolve(this.#model)
    if (this.#closed) return Promise.reject(this.#closedError())
    this.start()
    const waiting = new Deferred<ChannelModel>()
    this.#waiting.add(waiting)
    return withDeadline(waiting.promise, this.#options.wait, () => {
      this.#waiting.delete(waiting)
      const [refusal] = this.#refusals.values()
      const cause = refusal ?? this.#problem
      const why = cause ? `: ${cause.message}` : ''
      throw new StoreUnavailableError(`${this.#label}: not connected for ${this.#options.wait} ms${why}`, { cause })
    })
  }

  async #open(): Promise<void> {
    this.#opening = true
    this.#reconnecting = undefined
    try {
      const { dial, name, wait } = this.#options
      const model = await dial(this.#address, name, Math.min(OPEN_TIMEOUT_MS, Math.max(wait, 1000)))
      if (this.#closed) {
        model.on('error', () => undefined)
        await model.close().catch(() => undefined)
        return
      }
      this.#use(model)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#opening = false
    }
  }

  #failed(error: unknown): void {
    const { addresses, standing } = this.#options
    if (isDefect(error)) {
      // The next caller tries again, and gets the same error.
      this.#problem = this.unavailable(error)
      this.#refuse(error)
      return
    }
    const own = this.errorOf(error)
    if (isLasting(error)) this.#refusals.set(this.#at, own)
    else this.#refusals.delete(this.#at)
    if (!standing.accepted && this.#refusals.size === addresses.length) {
      // There is no attempt in the background: the next caller tries again.
      this.#problem = this.unavailable(error)
      this.#refusals.clear()
      this.#refuse(own)
    } else this.#again(error)
    this.#at = (this.#at + 1) % addresses.length
  }

  #refuse(error: Error): void {
    for (const waiting of this.#waiting) waiting.reject(error)
    this.#waiting.clear()
  }

  #use(model: ChannelModel): void {
    this.#model = model
    this.#options.standing.accepted = true
    this.#failures = 0
    this.#refusals.clear()
    this.#problem = undefined
    let reason: unknown
    model.on('error', (error) => {
      reason = error
    })
    model.on('close', (error) => {
      if (this.#model === model) this.#lost(reason ?? error ?? new Error('closed'))
    })
    model.on('blocked', (why) => {
      this.#unblocked ??= new Deferred()
      this.#blocked = new StoreUnavailableError(`${this.#label}: the server takes no messages now: ${why}`)
    })
    model.on('unblocked', () => this.#unblock())
    this.#probe = new LivenessProbe(
      model,
      () => this.#blocked !== undefined,
      () => destroy(model),
      this.#options.probe,
    )
    for (const waiting of this.#waiting) waiting.resolve(model)
    this.#waiting.clear()
    for (const listener of [...this.#opened]) listener()
  }

  #unblock(): void {
    this.#blocked = undefined
    this.#unblocked?.resolve()
    this.#unblocked = undefined
  }

  #lost(error: unknown): void {
    this.#model = undefined
    this.#probe?.stop()
    this.#unblock()
    if (!this.#closed) this.#again(error)
  }

  #again(error: unknown): void {
    if (this.#closed) return
    this.#problem = this.unavailable(error)
    const delay = Math.max(20, backoffDelay(RECONNECT_BACKOFF, this.#failures++))
    this.#reconnecting = setTimeout(() => void this.#open(), delay)
  }

  /** An error of the client library as ours; an error of the program or its installation stays as it is. */
  errorOf(error: unknown): Error {
    return isDefect(error) || error instanceof ConfigError ? error : this.unavailable(error)
  }

  /** As an outage, whatever it is. */
  unavailable(error: unknown): StoreUnavailableError {
    if (error instanceof StoreUnavailableError) return error
    if (error instanceof ConfigError) return new StoreUnavailableError(error.message, { cause: error })
    const text = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code || error.name : error
    return new StoreUnavailableError(`${this.#label}: ${text}`, { cause: error })
  }

  get #address(): AmqpAddress {
    return this.#options.addresses[this.#at] as AmqpAddress
  }

  get #label(): string {
    return this.#address.label
  }

  #closedError(): StoreUnavailableError {
    return new StoreUnavailableError(`${this.#label}: the connection is closed`)
  }
}

/** End a connection at once; all that wait on it then fail. */
function destroy(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { stream: { destroy(error: Error): void } }
  stream.destroy(new Error('no answer'))
}
