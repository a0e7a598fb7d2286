import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { App } from '../../src/app/app.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { PythonClient, PythonProgram, type PythonSettings, PythonWorker, type PythonWorkerOptions } from './celery.ts'
import { defineTasks, surroundingsOf } from './tasks.ts'
import type { Settings } from './workerProcess.ts'

export interface FleetOptions {
  /** Default: redis. */
  readonly broker?: 'redis' | 'rabbitmq'
  /** Where results are kept, or `rpc`: sent to the caller. Default: redis. */
  readonly results?: 'redis' | 'rpc'
  /** URL of the broker, if it is not one of its own. */
  readonly url?: string
}

type FleetKind = Required<Omit<FleetOptions, 'url'>>

/**
 * One broker, and apps, workers and clients of both languages around it. Ours use the queue `typescript`, Python's `python`. A Redis server
 * is always there: it has the tasks' gates and notes.
 */
export class Fleet {
  readonly server: RedisServer
  readonly redis: Redis
  readonly kind: FleetKind
  /** URLs, the same for both languages. */
  readonly broker: string
  readonly backend: string
  readonly #ends: (() => unknown)[] = []

  static async start({ broker = 'redis', results = 'redis', url }: FleetOptions = {}): Promise<Fleet> {
    const server = await RedisServer.start()
    const own = async (): Promise<string> => (broker === 'redis' ? server.url() : emptyRabbit())
    return new Fleet(server, { broker, results }, url ?? (await own()))
  }

  private constructor(server: RedisServer, kind: FleetKind, broker: string) {
    this.server = server
    this.kind = kind
    this.broker = broker
    this.backend = kind.results === 'rpc' ? 'rpc://' : server.url()
    this.redis = this.connect()
  }

  /** A connection of its own. */
  connect(): Redis {
    const redis = new Redis(this.server.url())
    // Reported by the command that fails.
    redis.on('error', () => undefined)
    this.#ends.push(() => redis.disconnect())
    return redis
  }

  /** An app of ours with the tasks of `tasks.ts`. */
  app(options: CeleriacOptions = {}): App {
    const { broker, backend } = this
    const app = new App({
      broker,
      backend,
      queue: 'typescript',
      logger: createLogger('error'),
      unknownTaskTimeout: 0,
      ...options,
    })
    this.#ends.push(() => app.close())
    defineTasks(app, surroundingsOf(this.redis))
    return app
  }

  /** A worker of ours that runs, called `ts@test`. */
  async work(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const worker = new Worker(app, { hostname: 'ts@test', ...options })
    this.#ends.push(() => worker.stop({ grace: 0 }))
    await worker.start()
    return worker
  }

  /** A worker of ours in a process of its own, or another program with its settings. Resolves when it sends a message. */
  async fork(
    settings: Omit<Settings, 'broker' | 'backend' | 'store'>,
    program = 'workerProcess.ts',
  ): Promise<ChildProcess> {
    const urls = { broker: this.broker, backend: this.backend, store: this.server.url() }
    const child = fork(join(import.meta.dirname, program), {
      env: { ...process.env, INTEROP: JSON.stringify({ ...urls, ...settings } satisfies Settings) },
      execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
    })
    this.#ends.push(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the worker process ended with ${code} before it was ready`)
    })
    await Promise.race([once(child, 'message'), ended])
    // From here on it may end.
    ended.catch(() => undefined)
    return child
  }

  async pythonWorker(options: Partial<PythonWorkerOptions> = {}): Promise<PythonWorker> {
    const worker = await PythonWorker.start({ pool: this.#pool, ...this.#python, ...options })
    this.#ends.push(() => worker.kill())
    return worker
  }

  pythonProgram(...args: readonly string[]): PythonProgram {
    const program = new PythonProgram(this.#python, args)
    this.#ends.push(() => program.kill())
    return program
  }

  async pythonClient(options: Partial<PythonSettings> = {}): Promise<PythonClient> {
    const client = await PythonClient.start({ ...this.#python, ...options })
    this.#ends.push(() => client.stop())
    return client
  }

  /** Over AMQP Celery's threads share one connection, which is not made for it: now and then they stall for ten seconds. */
  get #pool(): PythonWorkerOptions['pool'] {
    return this.kind.broker === 'rabbitmq' ? 'solo' : 'threads'
  }

  get #python(): PythonSettings {
    return { broker: this.broker, backend: this.backend, store: this.server.url() }
  }

  /** Let one task pass that waits at this gate, or will. */
  async open(gate: string): Promise<void> {
    await this.redis.rpush(`gate:${gate}`, 'open')
  }

  /** What tasks appended to a list. */
  lines(list: string): Promise<string[]> {
    return this.redis.lrange(list, 0, -1)
  }

  /** True where Redis has a record of the task. */
  async recorded(id: string): Promise<boolean> {
    return (await this.redis.exists(`celery-task-meta-${id}`)) === 1
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
    await this.server.stop()
  }
}
