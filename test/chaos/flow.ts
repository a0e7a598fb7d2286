import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../src/app/app.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from './scene.ts'

export interface FlowOptions {
  /** Where the producer sends, and from where the worker takes: one of them may go through a proxy. */
  readonly producer: string
  readonly worker: string
  /** Where results are, if not there. */
  readonly backend?: string
  /** ms */
  readonly lease: number
  /** How long calls wait for a store that is away, ms. */
  readonly storeTimeout?: number
  /** Of each call on its way, before the next, ms. Default 10. */
  readonly pause?: number | undefined
}

/** How many calls are on their way at once. */
const LANES = 5

/** Tasks that flow all the time: a producer and an inline worker in this process, each with an app of its own. */
export class Flow {
  readonly producer: App
  readonly app: App
  readonly worker: Worker
  /** Calls that resolved. */
  readonly accepted: AsyncResult<unknown>[] = []
  /** What calls rejected with. */
  readonly refused: Error[] = []
  /** What the worker said of its trouble. */
  readonly errors: unknown[] = []
  readonly lost: string[] = []
  readonly #gate = Promise.withResolvers<void>()
  readonly #runs = new Map<string, number>()
  readonly #pause: number
  #lanes: Promise<unknown> = Promise.resolve()
  #flowing = false

  constructor({ producer, worker, backend, lease, storeTimeout, pause = 10 }: FlowOptions) {
    this.#pause = pause
    const options = { backend, lease, storeTimeout, logger: createLogger('silent') }
    this.producer = new App({ broker: producer, ...options })
    this.app = new App({ broker: worker, ...options })
    this.app.task('flow.run', async (n: number) => {
      await sleep(Math.random() * 20)
      return n * 2
    })
    this.app.task('flow.gate', () => this.#gate.promise)
    this.app.on('task:prerun', ({ id }) => this.#runs.set(id, this.runs(id) + 1))
    this.app.on('task:lost', ({ id }) => this.lost.push(id))
    this.app.on('worker:error', ({ error }) => this.errors.push(error))
    this.worker = new Worker(this.app, { concurrency: 20, grace: 5000 })
  }

  async start(): Promise<this> {
    await this.worker.start()
    this.#flowing = true
    this.#lanes = Promise.all(Array.from({ length: LANES }, () => this.#lane()))
    await this.more(20)
    return this
  }

  /** How often a task began. */
  runs(id: string): number {
    return this.#runs.get(id) ?? 0
  }

  /** Accepted ones that began again although nobody was told that they were lost. */
  get unexplained(): string[] {
    const times = (id: string): number => this.lost.filter((other) => other === id).length
    return this.accepted.map(({ id }) => id).filter((id) => this.runs(id) > 1 + times(id))
  }

  /** How often those that were accepted began at most. */
  get most(): number {
    return Math.max(...this.accepted.map(({ id }) => this.runs(id)))
  }

  /** Have the worker hold so many tasks, until `letGo`. */
  async hold(count: number): Promise<void> {
    const held = await Promise.all(Array.from({ length: count }, () => this.producer.send('flow.gate')))
    this.accepted.push(...held)
    await until('the worker holds them', () => held.every(({ id }) => this.runs(id) === 1))
  }

  letGo(): void {
    this.#gate.resolve()
  }

  /** Wait until so many calls more were accepted. */
  async more(count: number, limit = 15_000): Promise<void> {
    const enough = this.accepted.length + count
    await until('calls are accepted', () => this.accepted.length >= enough, limit)
  }

  /** One call, from its sending to its result within `limit` ms: how long that took, ms. */
  async once(limit: number): Promise<number> {
    const begun = performance.now()
    const result = await this.producer.send('flow.run', [21])
    const value = await result.get({ timeout: limit })
    if (value !== 42) throw new Error(`expected 42, got ${JSON.stringify(value)}`)
    return performance.now() - begun
  }

  /** Send no more. */
  async dry(): Promise<void> {
    this.#flowing = false
    await this.#lanes
  }

  /** Send no more, and wait until all that was accepted has its result; their number. */
  async finish(limit: number): Promise<number> {
    await this.dry()
    await Promise.all(this.accepted.map((result) => result.get({ timeout: limit })))
    return this.accepted.length
  }

  async close(): Promise<void> {
    this.letGo()
    await this.dry()
    await this.worker.stop({ grace: 0 })
    await Promise.all([this.producer.close(), this.app.close()])
  }

  async #lane(): Promise<void> {
    for (let n = 0; this.#flowing; n++) {
      try {
        this.accepted.push(await this.producer.send('flow.run', [n]))
      } catch (error) {
        this.refused.push(error as Error)
      }
      await sleep(this.#pause)
    }
  }
}
