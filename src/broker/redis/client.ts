import { createHash } from 'node:crypto'
import { ConfigError } from '../../std/errors.ts'
import { ignoredWarning } from '../urlParameters.ts'
import type { Arg, Command, RedisConnection, Script } from './connection.ts'
import { errorOf, isNoScript } from './replies.ts'
import { refuseCluster, warnAboutServer } from './serverCheck.ts'
import { Subscriptions } from './subscriptions.ts'
import { type Patience, Supervisor } from './supervisor.ts'
import { parseRedisUrl, REDIS_IGNORED, type RedisAddress } from './url.ts'

export interface RedisOptions {
  /** Put before every key and channel by whoever makes them: kombu's `global_keyprefix`. */
  readonly keyPrefix?: string
  /** Shown by the server's CLIENT LIST. */
  readonly name?: string
  /** A socket is given up when an answer is this late, ms. Default 10 s. */
  readonly timeout?: number
  /** A command is given up when there is no connection for this long, ms. Default: `timeout`. */
  readonly wait?: number
  /** Told once, on the first connection, of settings by which the server could lose tasks. */
  readonly warn?: (message: string) => void
}

const TIMEOUT = 10_000

/** A connection to the server of a URL (see `parseRedisUrl`), opened by the first command. Throws ConfigError for a URL that cannot be read. */
export function connectRedis(url: string, options: RedisOptions = {}): RedisConnection {
  return new Client(parseRedisUrl(url), options)
}

class Client implements RedisConnection {
  readonly url: string
  readonly db: number
  readonly prefix: string
  readonly #address: RedisAddress
  readonly #options: RedisOptions
  readonly #patience: Patience
  readonly #commands: Supervisor
  readonly #reconnected = new Set<() => void>()
  /** Hashes of the scripts whose text was sent. */
  readonly #sent = new Set<string>()
  #subscriptions: Subscriptions | undefined
  #closed = false

  constructor(address: RedisAddress, options: RedisOptions) {
    const { keyPrefix = '', name, timeout = TIMEOUT, wait = timeout, warn } = options
    for (const limit of [timeout, wait]) {
      if (!(limit > 0)) throw new ConfigError(`Redis: expected a timeout above 0 ms, got ${limit}`)
    }
    if (address.ignored.length > 0) warn?.(ignoredWarning(address.url, address.ignored, REDIS_IGNORED))
    this.url = address.url
    this.db = address.db
    this.prefix = keyPrefix
    this.#address = address
    this.#options = options
    this.#patience = { timeout, wait }
    this.#commands = new Supervisor(address, name, this.#patience, {
      opened: async (session, again) => {
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
    return this.#translated(this.#commands.send(name, args, 'utf8'))
  }

  commandBytes(...[name, ...args]: Command): Promise<unknown> {
    return this.#translated(this.#commands.send(name, args, null))
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
    const hash = hashOf(script)
    if (!this.#sent.has(hash)) {
      // Its text at once: an answer that it is unknown, and a second try, would put it behind what is sent meanwhile.
      this.#sent.add(hash)
      return this.#translated(this.#commands.send('eval', [script.source, ...rest], 'utf8'))
    }
    const answer = this.#commands.send('evalsha', [hash, ...rest], 'utf8')
    return this.#translated(
      answer.catch((error: unknown) => {
        if (!isNoScript(error)) throw error
        return this.#commands.send('eval', [script.source, ...rest], 'utf8')
      }),
    )
  }

  blocking(timeout: number, ...[name, ...args]: Command): Promise<unknown> {
    return this.#translated(this.#commands.send(name, args, 'utf8', timeout))
  }

  subscribe(channel: string, listener: (message: Buffer) => void): Promise<() => Promise<void>> {
    return this.#subscribed('subscribe', channel, listener)
  }

  subscribePattern(
    pattern: string,
    listener: (message: Buffer, channel: string) => void,
  ): Promise<() => Promise<void>> {
    return this.#subscribed('psubscribe', pattern, listener)
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
    name: string,
    listener: (message: Buffer, channel: string) => void,
  ): Promise<() => Promise<void>> {
    if (!this.#subscriptions) {
      const tell = (): void => this.#tellReconnected()
      this.#subscriptions = new Subscriptions(this.#address, this.#options.name, this.#patience, tell)
      if (this.#closed) this.#subscriptions.close()
    }
    const end = await this.#translated(this.#subscriptions.add(kind, name, listener))
    return () => this.#translated(end())
  }

  #translated<Value>(answer: Promise<Value>): Promise<Value> {
    return answer.catch((error: unknown) => {
      throw errorOf(error, this.url)
    })
  }

  #tellReconnected(): void {
    // Not within the opening: the connection takes commands after it.
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
