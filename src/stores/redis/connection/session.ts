import type { Command, Redis, RedisOptions } from 'ioredis'
import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { clusterError, isOfCluster } from './cluster.ts'
import type { Arg } from './connection.ts'
import { errorOf, isReadOnly, isReply } from './errors.ts'
import type { RedisAddress } from './url.ts'

/** Events of one socket. */
export interface SessionEvents {
  /** It is over, called once; commands without an answer have been rejected. */
  closed(error: Error): void
  message(channel: Buffer, message: Buffer, pattern: Buffer | undefined): void
}

/** How an answer's bytes are returned: as text, or as they are. */
export type Reading = 'utf8' | null

/** A command of this many arguments does not wait for others: the server starts on it while the next is prepared. */
const MIN_URGENT_ARGUMENTS = 32

/** If only pings, or a blocking command after its time, have no answer for this long, the peer is gone, ms. */
const SILENCE_TIMEOUT_MS = 2500

/**
 * One socket to a Redis server, from its opening to its end; it never reconnects. It notices when answers stop. ioredis
 * writes and parses; its queues, retries and reconnects are all off.
 */
export class Session {
  readonly #redis: Redis
  readonly #command: typeof Command
  readonly #place: string
  readonly #events: SessionEvents
  #corked = false
  #ended: Error | undefined
  /** Unanswered commands, and how many of them are pings. */
  #open = 0
  #pings = 0
  /** When data was last sent or received, and since when answers are due, ms of `performance.now()`. */
  #used = performance.now()
  #due = 0
  #blockedUntil = 0

  private constructor(redis: Redis, command: typeof Command, place: string, events: SessionEvents) {
    this.#redis = redis
    this.#command = command
    this.#place = place
    this.#events = events
  }

  /**
   * Connect, authenticate, and receive a first answer, within `limit` ms. Rejects with ConfigError or
   * StoreUnavailableError.
   */
  static async open(
    address: RedisAddress,
    name: string | undefined,
    limit: number,
    events: SessionEvents,
  ): Promise<Session> {
    const { Redis, Command } = await load()
    const redis = new Redis(optionsOf(address, name, limit))
    const session = new Session(redis, Command, address.url, events)
    await session.#greet(limit)
    return session
  }

  /** False: commands sent now would not arrive. */
  get writable(): boolean {
    return !this.#ended && this.#redis.stream.writable
  }

  /**
   * Send one command; those of one callback are sent in one write, up to a long one. Rejects with the raw error of the
   * reply, or StoreUnavailableError.
   */
  send(name: string, args: readonly Arg[], reading: Reading): Promise<unknown> {
    if (!this.#corked) this.#cork()
    const command = new this.#command(name, args.map(sendable), { replyEncoding: reading })
    const now = performance.now()
    this.#used = now
    if (this.#open++ === 0) this.#due = now
    const answered = this.#redis.sendCommand(command) as Promise<unknown>
    if (args.length >= MIN_URGENT_ARGUMENTS) this.#uncork()
    return answered.then(
      (answer) => {
        this.#answered()
        return answer
      },
      (error: unknown) => {
        this.#answered()
        if (isReadOnly(error)) this.end(errorOf(error, this.#place))
        throw this.#ended && !isReply(error) ? this.#ended : error
      },
    )
  }

  /** The next command may block for this long, ms: until then silence does not count. */
  allow(block: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, performance.now() + block)
  }

  /**
   * Called at intervals: sends a ping after `idle` ms without traffic; ends the session when an answer is `limit` ms
   * late.
   */
  watch(idle: number, limit: number): Error | undefined {
    const now = performance.now()
    if (this.#open === 0) {
      this.#blockedUntil = 0
      if (now - this.#used >= idle) this.#ping()
      return undefined
    }
    const blocked = this.#blockedUntil > 0
    const silent = now - Math.max(this.#due, this.#blockedUntil)
    const patience = Math.min(SILENCE_TIMEOUT_MS, limit)
    if (silent < patience) return undefined
    const error = new StoreUnavailableError(`${this.#place}: no answer for ${Math.round(silent)} ms`)
    if (blocked || this.#open === this.#pings || silent >= limit) this.end(error)
    return error
  }

  /** This event loop was blocked: answers may have arrived and not been read yet. */
  excuse(): void {
    this.#due = performance.now()
  }

  end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.#destroy()
    this.#events.closed(error)
  }

  /** A socket whose peer is gone never closes by itself. */
  #destroy(): void {
    this.#redis.disconnect()
    this.#redis.stream?.destroy()
  }

  #cork(): void {
    this.#corked = true
    this.#redis.stream.cork()
    process.nextTick(() => this.#uncork())
  }

  #uncork(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#redis.stream.uncork()
  }

  #answered(): void {
    this.#due = performance.now()
    this.#open--
  }

  #ping(): void {
    this.#pings++
    const over = (): void => {
      this.#pings--
    }
    // An error ends the session, or is the reply of a live server with another problem: both are handled elsewhere.
    this.send('ping', [], 'utf8').then(over, over)
  }

  async #greet(limit: number): Promise<void> {
    const redis = this.#redis
    const { promise: failed, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new StoreUnavailableError(`${this.#place}: no answer for ${limit} ms`)),
      limit,
    )
    redis.on('error', reject)
    redis.on('end', () => reject(new StoreUnavailableError(`${this.#place}: the connection was closed`)))
    try {
      // ioredis reports the same failure by its event, with the cause; the rejection has no cause.
      const connected = redis.connect().catch(() => failed)
      await Promise.race([connected, failed])
      await Promise.race([this.send('ping', [], 'utf8'), failed])
    } catch (error) {
      this.#ended = isOfCluster(error) ? clusterError(this.#place, error) : errorOf(error, this.#place)
      this.#destroy()
      throw this.#ended
    } finally {
      clearTimeout(timer)
      failed.catch(() => undefined)
    }
    this.#listen()
  }

  #listen(): void {
    const redis = this.#redis
    let last: Error | undefined
    redis.removeAllListeners('error')
    redis.on('error', (error: Error) => {
      last = error
    })
    redis.on('end', () =>
      this.end(
        last ? errorOf(last, this.#place) : new StoreUnavailableError(`${this.#place}: the connection was closed`),
      ),
    )
    const emit = (channel: Buffer, message: Buffer, pattern?: Buffer): void => {
      this.#due = performance.now()
      this.#events.message(channel, message, pattern)
    }
    redis.on('messageBuffer', emit)
    redis.on('pmessageBuffer', (pattern: Buffer, channel: Buffer, message: Buffer) => emit(channel, message, pattern))
  }
}

async function load(): Promise<Pick<typeof import('ioredis'), 'Redis' | 'Command'>> {
  try {
    return await import('ioredis')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // If a package that ioredis needs is missing, that is another problem.
    if (code !== 'ERR_MODULE_NOT_FOUND' || !/['"]ioredis['"]/.test(message)) throw error
    throw new ConfigError('Redis: expected the package ioredis to be installed: npm install ioredis', { cause: error })
  }
}

function optionsOf(address: RedisAddress, name: string | undefined, limit: number): RedisOptions {
  const { host, port, path, db, username, password, tls, family, sentinels, masterName, sentinelPassword } = address
  return {
    ...(path === undefined ? { host, port } : { path }),
    ...(sentinels && { sentinels: sentinels.map((one) => ({ ...one })), name: masterName, sentinelPassword }),
    ...(tls && { tls }),
    ...(family !== undefined && { family }),
    db,
    username,
    password,
    connectionName: name,
    connectTimeout: limit,
    sentinelCommandTimeout: SILENCE_TIMEOUT_MS,
    sentinelRetryStrategy: () => null,
    // 2 works with old servers too; 3 has no advantage here.
    protocol: 2,
    lazyConnect: true,
    // The master that a sentinel names is asked for its role.
    enableReadyCheck: sentinels !== undefined,
    enableOfflineQueue: false,
    disableClientInfo: true,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  }
}

/** ioredis accepts bytes as Buffer only. */
function sendable(arg: Arg): string | number | Buffer {
  if (typeof arg !== 'object' || Buffer.isBuffer(arg)) return arg
  return Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)
}
