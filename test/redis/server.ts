import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answerTo } from './answer.ts'
import { guard } from './guard.ts'
import { untilWritten } from './launch.ts'

const MISSING = 'the tests need redis-server 7 or newer; please run: sudo apt-get install -y redis-server'

export interface RedisServerOptions {
  /** Default: a free one. */
  readonly port?: number
  /** Keep an append-only file, synced after every write, so that a kill loses nothing. Default false: nothing is persisted. */
  readonly appendonly?: boolean
  readonly requirepass?: string
  /** Also listen on a socket file; `socket` is its path. */
  readonly unixsocket?: boolean
  /** As `2mb`. */
  readonly maxmemory?: string
  /** More of the server's own flags, as `['--maxmemory-policy', 'allkeys-lru']`. */
  readonly flags?: readonly string[]
}

/** A real redis-server in a folder of its own; it ends with this process, however that ends. */
export class RedisServer {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'celeriac-redis-'))
  readonly socket: string = join(this.folder, 'redis.sock')
  readonly port: number
  readonly #options: RedisServerOptions
  #process: ChildProcess | undefined

  /** Resolves when it answers. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(options, options.port ?? (await freePort()))
      try {
        await server.#launch()
        return server
      } catch (error) {
        server.#removeFolder()
        // Else somebody has taken the port between our look and the server's.
        if (options.port !== undefined || attempt === 5 || (error as Error).message === MISSING) throw error
      }
    }
  }

  private constructor(options: RedisServerOptions, port: number) {
    this.#options = options
    this.port = port
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** `redis://127.0.0.1:<port>/<db>`, with the password if there is one. */
  url(db = 0): string {
    const { requirepass } = this.#options
    return `redis://${requirepass ? `:${encodeURIComponent(requirepass)}@` : ''}127.0.0.1:${this.port}/${db}`
  }

  /**
   * What redis-cli would print for a command, which may begin with `-n` and a database, or `-p` and the port of another
   * server. Rejects when the server answers with an error.
   */
  async cli(...args: readonly string[]): Promise<string> {
    const { requirepass } = this.#options
    const [option, value = ''] = args
    const command = option === '-n' || option === '-p' ? args.slice(2) : args
    const before = [...(requirepass ? [['AUTH', requirepass]] : []), ...(option === '-n' ? [['SELECT', value]] : [])]
    return (await answerTo(option === '-p' ? Number(value) : this.port, command, before)).trimEnd()
  }

  /** End it and start it again on the same port: with its data (default), or empty as after a failover to an empty replica. */
  async restart({ keepData = true }: { keepData?: boolean } = {}): Promise<void> {
    if (keepData && this.#process && !this.#options.appendonly) {
      // The server hangs up instead of answering.
      await this.cli('SHUTDOWN', 'SAVE').catch(() => undefined)
    }
    await this.kill()
    if (!keepData) for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { recursive: true })
    await this.start()
  }

  /** After `kill`: start it again on the same port, with what its folder holds. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#launch()
        return
      } catch (error) {
        if (attempt === 5) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  /** End it at once, as a power cut does. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Halt it without ending it: connections stay open and nothing answers, until `resume`. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** End it and remove its folder. */
  async stop(): Promise<void> {
    await this.kill()
    this.#removeFolder()
  }

  #removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #launch(): Promise<void> {
    const child = spawn('redis-server', this.#flags(), { stdio: ['ignore', 'pipe', 'pipe'] })
    guard(child, { folder: this.folder })
    try {
      await untilWritten(child, 'eady to accept connections', 'redis-server')
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Error(MISSING, { cause: error }) : error
    }
    this.#process = child
  }

  #flags(): string[] {
    const { appendonly, requirepass, unixsocket, maxmemory, flags = [] } = this.#options
    return [
      ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--daemonize', 'no'],
      ...(appendonly ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []),
      ...(requirepass ? ['--requirepass', requirepass] : []),
      ...(unixsocket ? ['--unixsocket', this.socket] : []),
      ...(maxmemory ? ['--maxmemory', maxmemory] : []),
      ...flags,
    ]
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
