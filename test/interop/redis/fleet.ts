import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { App } from '../../../src/app/app.ts'
import type { CeleriacOptions } from '../../../src/app/config.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker, type WorkerOptions } from '../../../src/worker/worker.ts'
import { RedisServer } from '../../redis/server.ts'
import { PythonClient, type PythonSettings, PythonWorker, type PythonWorkerOptions } from '../celery.ts'
import { defineTasks, surroundingsOf } from './tasks.ts'
import type { Settings } from './workerProcess.ts'

/** One Redis server, and apps, workers and clients of both languages around it. Ours use the queue `typescript`, Python's `python`. */
export class Fleet {
  readonly server: RedisServer
  readonly redis: Redis
  readonly #ends: (() => unknown)[] = []

  static async start(): Promise<Fleet> {
    return new Fleet(await RedisServer.start())
  }

  private constructor(server: RedisServer) {
    this.server = server
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
    const app = new App({ broker: this.server.url(), queue: 'typescript', logger: createLogger('error'), ...options })
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

  /** A worker of ours in a process of its own. */
  async fork(settings: Omit<Settings, 'url'>): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'workerProcess.ts'), {
      env: { ...process.env, INTEROP: JSON.stringify({ url: this.server.url(), ...settings }) },
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
    const worker = await PythonWorker.start({ broker: this.server.url(), store: this.server.url(), ...options })
    this.#ends.push(() => worker.kill())
    return worker
  }

  async pythonClient(options: Partial<PythonSettings> = {}): Promise<PythonClient> {
    const client = await PythonClient.start({ broker: this.server.url(), ...options })
    this.#ends.push(() => client.stop())
    return client
  }

  /** Let one task pass that waits at this gate, or will. */
  async open(gate: string): Promise<void> {
    await this.redis.rpush(`gate:${gate}`, 'open')
  }

  /** What tasks appended to a list. */
  lines(list: string): Promise<string[]> {
    return this.redis.lrange(list, 0, -1)
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
    await this.server.stop()
  }
}
