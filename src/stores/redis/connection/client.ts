import { createHash } from 'node:crypto'
import { ignoredWarning } from '../../../broker/urlParameters.ts'
import { backoffDelay } from '../../../std/backoff.ts'
import { ConfigError } from '../../../std/errors.ts'
import type { Arg, Command, RedisConnection, Script } from './connection.ts'
import { errorOf, isNoScript, isPassing } from './errors.ts'
import { refuseCluster, warnAboutServer } from './serverCheck.ts'
import type { Session } from './session.ts'
import { Subscriptions } from './subscriptions.ts'
import { type Patience, Supervisor } from './supervisor.ts'
import { parseRedisUrl, REDIS_IGNORED, type RedisAddress } from './url.ts'

export interface RedisOptions {
  /** Shown by the server's CLIENT LIST. */
  readonly name?: string
  /** The socket is closed when an answer is this late, ms. Default 10 s. */
  readonly timeout?: number
  /** A command fails when there is no connection for this long, ms. Default: `timeout`. */
  readonly wait?: number
  /** Called once, on the first connection, with settings by which the server could lose tasks. */
  readonly warn?: (message: string) => void
  /** Called at the beginning of each connection, before any command: if it rejects, the connection is not used. */
  readonly opened?: (session: Session) => Promise<void>
}

const DEFAULT_TIMEOUT_MS = 10_000
const RETRY_BACKOFF = { kind: 'exponential', delay: 50, maxDelay: 500, jitter: 'full' } as const

/**
 * A connection to the server of a URL (see `parseRedisUrl`), opened by the first command. Throws ConfigError for a URL
 * that cannot be read.
 */
export function connectRedis(url: string, options: RedisOptions = {}): RedisConnection {
  return new Client(parseRedisUrl(url), options)
}

class Client implements RedisConnection {
  readonly url: string
  readonly db: number
  readonly #address: RedisAddress
  readonly #options: RedisOptions
  readonly #patience: Patience
  readonly #commands: Supervisor
  readonly #reconnected = new Set<() => void>()
  /** Hashes of the scripts whose text was sent. */
  readonly #known = new Set<string>()
  #subscriptions: Subscriptions | undefined
  #closed = false

  constructor(address: RedisAddress, options: RedisOptions) {
    const { name, timeout = DEFAULT_TIMEOUT_MS, wait = timeout, warn } = options
    for (const limit of [timeout, wait]) {
      if (!(limit > 0)) throw new ConfigError(`Redis: expected a timeout above 0 ms, got ${limit}`)
    }
    if (address.ignored.length > 0) warn?.(ignoredWarning(address.url, address.ignored, REDIS_IGNORED))
    this.url = address.url
    this.db = address.db
    this.#address = address
    this.#options = options
    this.#patience = { timeout, wait }
    this.#commands = new Supervisor(address, name, this.#patience, {
      opened: async (session, again) => {
        await options.opened?.(session)
        if (again) this.#tellReconnected()
        else await Promise.all([refuseCluster(session, address.url), warn && warnAboutServer(session, warn)])
      },
      message: () => undefined,
    })
  }

  get problem(): Error | undefined {
    return this.#commands.problem ?? this.#subscriptions?.problem
  }

  command(...[name, ...args]: Command): Promise<unknown> {
    return this.#sent((wait) => this.#commands.send(name, args, 'utf8', { wait }))
  }

  commandBytes(...[name, ...args]: Command): Promise<unknown> {
    return this.#sent((wait) => this.#commands.send(name, args, null, { wait }))
  }

  async pipeline(commands: readonly Command[]): Promise<unknown[]> {
    const answers = await Promise.allSettled(commands.map((command) => this.command(...command)))
    return answers.map((answer) => {
      if (answer.status === 'rejected') throw answer.reason
      return answer.value
    })
  }

  script(script: Script, keys: readonly string[], args: readonly Arg[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    return this.#sent((wait) => this.#run(script, rest, wait))
  }

  #run(script: Script, rest: readonly Arg[], wait: number | undefined): Promise<unknown> {
    const hash = hashOf(script)
    if (!this.#known.has(hash)) {
      // The first call sends the text: if the server answered that it does not know the hash, the second attempt would
      // come after commands that were sent meanwhile.
      this.#known.add(hash)
      return this.#commands.send('eval', [script.source, ...rest], 'utf8', { wait })
    }
    return this.#commands.send('evalsha', [hash, ...rest], 'utf8', { wait }).catch((error: unknown) => {
      if (!isNoScript(error)) throw error
      return this.#commands.send('eval', [script.source, ...rest], 'utf8', { wait })
    })
  }

  blocking(timeout: number, ...[name, ...args]: Command): Promise<unknown> {
    return this.#translated(this.#commands.send(name, args, 'utf8', { block: timeout }))
  }

  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<() => Promise<void>> {
    const end = await this.#subscribed('subscribe', [channel], listener)
    return () => end([channel])
  }

  subscribeAll(
    channels: readonly string[],
    listener: (message: Buffer, channel: string) => void,
  ): Promise<(channels: readonly string[]) => Promise<void>> {
    return this.#subscribed('subscribe', channels, listener)
  }

  async subscribePattern(
    pattern: string,
    listener: (message: Buffer, channel: string) => void,
  ): Promise<() => Promise<void>> {
    const end = await this.#subscribed('psubscribe', [pattern], listener)
    return () => end([pattern])
  }

  onReconnect(listener: () => void): () => void {
    this.#reconnected.add(listener)
    return () => {
      this.#reconnected.delete(listener)
    }
  }

  duplicate(): RedisConnection {
    return new Client(this.#address, { ...this.#options, warn: undefined })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#commands.close()
    this.#subscriptions?.close()
  }

  async #subscribed(
    kind: 'subscribe' | 'psubscribe',
    names: readonly string[],
    listener: (message: Buffer, channel: string) => void,
  ): Promise<(names: readonly string[]) => Promise<void>> {
    if (!this.#subscriptions) {
      const tell = (): void => this.#tellReconnected()
      this.#subscriptions = new Subscriptions(this.#address, this.#options.name, this.#patience, tell)
      if (this.#closed) this.#subscriptions.close()
    }
    const end = await this.#translated(this.#subscriptions.add(kind, names, listener))
    return (ended) => this.#translated(end(ended))
  }

  #sent(send: (wait?: number) => Promise<unknown>): Promise<unknown> {
    return send().catch((error: unknown) => {
      if (!isPassing(error)) throw errorOf(error, this.url)
      return this.#sendAgain(send, error)
    })
  }

  /**
   * A server that cannot answer any client now has not begun the command: it is sent again, for as long as a call waits
   * for a connection.
   */
  async #sendAgain(send: (wait?: number) => Promise<unknown>, first: unknown): Promise<unknown> {
    const until = performance.now() + this.#patience.wait
    let error = first
    for (let attempt = 0; ; attempt++) {
      const left = until - performance.now()
      if (left <= 0 || this.#closed || !isPassing(error)) throw errorOf(error, this.url)
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, backoffDelay(RETRY_BACKOFF, attempt))))
      try {
        return await send(Math.max(1, until - performance.now()))
      } catch (reason) {
        error = reason
      }
    }
  }

  #translated<Value>(answer: Promise<Value>): Promise<Value> {
    return answer.catch((error: unknown) => {
      throw errorOf(error, this.url)
    })
  }

  #tellReconnected(): void {
    // Not while it is opened: the connection takes commands after that.
    setImmediate(() => {
      for (const listener of [...this.#reconnected]) listener()
    })
  }
}

const hashes = new WeakMap<Script, string>()

function hashOf(script: Script): string {
  let hash = hashes.get(script)
  if (hash === undefined) {
    hash = createHash('sha1').update(script.source).digest('hex')
    hashes.set(script, hash)
  }
  return hash
}
