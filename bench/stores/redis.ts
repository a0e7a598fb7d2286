import { execFileSync } from 'node:child_process'
import { Redis } from 'ioredis'
import { RedisServer } from '../../test/redis/server.ts'
import type { Figures } from '../harness/scenario.ts'
import type { Address, Store } from './store.ts'

/** Of the bench itself, and of connecting. */
const NOT_COUNTED =
  /^(ping|info|client|hello|auth|select|config|command|dbsize|flushall|script|function|scan|slowlog)(\||$)/
const SCRIPTS = /^(eval|evalsha|fcall)$/
/** Records that are read after a run, of all that there are. */
const SAMPLE = 1000
/** From here on commands are noted, µs, and at most so many of them. */
const SLOW_MICROSECONDS = 2000
const MAX_SLOW = 10_000

/** A redis-server of our own: nothing is written to disk, nothing is evicted. */
export class RedisStore implements Store {
  readonly version: string
  readonly #server: RedisServer
  readonly #client: Redis

  private constructor(server: RedisServer) {
    this.#server = server
    this.#client = new Redis(server.url())
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8' })
    this.version = `redis-server ${/v=(\S+)/.exec(text)?.[1] ?? 'unknown'}`
  }

  static async start(): Promise<RedisStore> {
    return new RedisStore(await RedisServer.start())
  }

  get pid(): number {
    return this.#server.pid
  }

  get port(): number {
    return this.#server.port
  }

  get url(): string {
    return this.#server.url()
  }

  async empty(): Promise<Address> {
    await this.#client.flushall('SYNC')
    await this.#client.config('SET', 'slowlog-log-slower-than', SLOW_MICROSECONDS)
    await this.#client.config('SET', 'slowlog-max-len', MAX_SLOW)
    await this.#client.slowlog('RESET')
    return { url: this.url, backend: this.url }
  }

  async cpu(): Promise<number> {
    const text = await this.#client.info('cpu')
    return number(text, 'used_cpu_sys') + number(text, 'used_cpu_user')
  }

  /** Calls of commands, those inside scripts included; scripts; reads of a socket: what was sent together is one (up to 16 KiB). */
  async counters(): Promise<Figures> {
    const text = await this.#client.info('everything')
    let operations = 0
    let scripts = 0
    for (const [, name = '', calls] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      if (!NOT_COUNTED.test(name)) operations += Number(calls)
      if (SCRIPTS.test(name)) scripts += Number(calls)
    }
    return { operations, scripts, 'round trips': number(text, 'total_reads_processed') }
  }

  async slowest(): Promise<number> {
    const entries = (await this.#client.slowlog('GET', MAX_SLOW)) as [number, number, microseconds: number][]
    await this.#client.slowlog('RESET')
    return entries.reduce((slowest, [, , microseconds]) => Math.max(slowest, microseconds), 0) / 1000
  }

  /** The sum of what these commands, in plain words, answer: numbers. */
  async sum(...commands: readonly string[]): Promise<number> {
    let sum = 0
    for (const command of commands) {
      const [name = '', ...args] = command.split(' ')
      sum += Number(await this.#client.call(name, ...args))
    }
    return sum
  }

  /** How many keys match. Some of their values are read: each must contain `text`. */
  async matching(pattern: string, text: string): Promise<number> {
    let count = 0
    let read = 0
    for await (const keys of this.#client.scanStream({ match: pattern, count: 10_000 })) {
      const some = (keys as string[]).slice(0, SAMPLE - read)
      const values = some.length > 0 ? await this.#client.mget(some) : []
      const other = values.find((value) => !value?.includes(text))
      if (other !== undefined) throw new Error(`${pattern}: expected records with ${text}, got ${other}`)
      read += some.length
      count += keys.length
    }
    return count
  }

  async stop(): Promise<void> {
    this.#client.disconnect()
    await this.#server.stop()
  }
}

function number(text: string, name: string): number {
  return Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN)
}
