import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { metaOf } from '../../../src/testing/factories.ts'
import { storesOf } from '../../app/stores.ts'
import { freePort } from '../../redis/server.ts'
import type { Seen } from './clients.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning', '--expose-gc']

/** A server and many clients of its streams, each a process of its own, and the writer of what they are told: this one. */
export class StreamScene implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'celeriac-stream-'))
  readonly #app: App
  readonly #port: number
  readonly #jobs: readonly string[]
  #server: ChildProcess | undefined
  #clients: ChildProcess | undefined
  #steps = 0

  /** `store` is a URL; default: an embedded store. */
  static async start(jobs: number, store?: string): Promise<StreamScene> {
    const scene = new StreamScene(await freePort(), jobs, store)
    const { backend } = await storesOf(scene.#app)
    await Promise.all(scene.#jobs.map((id) => backend.store(metaOf(id, 'PENDING', { name: 'stream.work' }))))
    await scene.startServer()
    return scene
  }

  private constructor(port: number, jobs: number, store = `sqlite:${join(this.#folder, 'store.db')}`) {
    this.#port = port
    this.#app = new App({ broker: store, logger: createLogger('silent') })
    this.#jobs = Array.from({ length: jobs }, (_, at) => `job-${at}`)
  }

  async startServer(): Promise<void> {
    this.#server = child('server.ts', [this.#app.config.broker.reveal(), String(this.#port)])
    await once(this.#server, 'message')
  }

  /** Without a word to anybody. */
  async killServer(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }

  /** Bytes. */
  async serverMemory(): Promise<number> {
    const { rss } = await ask<{ rss: number }>(this.#server)
    return rss
  }

  startClients(count: number): void {
    this.#clients = child('clients.ts', [String(this.#port), String(count), ...this.#jobs])
  }

  seen(): Promise<Seen> {
    return ask<Seen>(this.#clients)
  }

  /** Until what the clients have seen is so. */
  async until(holds: (seen: Seen) => boolean, timeout = 60_000): Promise<Seen> {
    let seen = await this.seen()
    const end = performance.now() + timeout
    while (!holds(seen)) {
      if (performance.now() > end) throw new Error(`not seen: ${holds}, but ${JSON.stringify(seen)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
      seen = await this.seen()
    }
    return seen
  }

  /** One more state of every job. */
  async step(): Promise<void> {
    const { backend } = await storesOf(this.#app)
    const result = ++this.#steps
    await Promise.all(this.#jobs.map((id) => backend.store(metaOf(id, 'PROGRESS', { result, name: 'stream.work' }))))
  }

  async end(): Promise<void> {
    const { backend } = await storesOf(this.#app)
    await Promise.all(
      this.#jobs.map((id) => backend.store(metaOf(id, 'SUCCESS', { result: `${id} done`, name: 'stream.work' }))),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killServer()
    this.#clients?.kill('SIGKILL')
    await this.#app.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function child(file: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: FLAGS })
}

async function ask<Answer>(process: ChildProcess | undefined): Promise<Answer> {
  if (!process) throw new Error('it does not run')
  return vi.waitFor(async () => {
    const answer = once(process, 'message')
    process.send('?')
    const [message] = await answer
    return message as Answer
  })
}
