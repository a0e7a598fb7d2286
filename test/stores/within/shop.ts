import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Submission } from '../../../src/calls/asyncResult.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { chord } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { emptyPostgres } from '../../postgres/shared.ts'

/** An application with a table of its own beside celeriac's, and a worker: for the tests of a file. */
export class Shop {
  url = ''
  app: App = new App({ broker: 'memory:' })
  double = this.app.task('double', (number: number) => 2 * number)
  add = this.app.task('add', (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0))
  /** Of the task `pack`, each argument that it ran with. */
  readonly packed: unknown[] = []
  /** What the task `charge` does. */
  charging: (ctx: TaskContext, name: string) => unknown = (_, name) => name
  charge = this.app.task('charge', async (name: string) => name)
  pool = new pg.Pool()
  worker: Worker | undefined

  async open(): Promise<void> {
    this.url = await emptyPostgres()
    this.define()
    await this.app.connect()
    this.pool = new pg.Pool({ connectionString: this.url, max: 3, statement_timeout: 20_000 })
    await this.app.queueSize()
    await this.pool.query('CREATE TABLE purchase (name text NOT NULL)')
    this.worker = new Worker(this.app, { logger: false, queues: ['celery', 'other'] })
    await this.worker.start()
  }

  /** The app with its tasks. */
  protected define(): void {
    this.app = this.make()
    this.charge = this.app.task(
      'charge',
      async (name: string) => (await this.charging(currentTask() as TaskContext, name)) as string,
      { retry: { max: 1, backoff: [0] } },
    )
    this.double = this.app.task('double', (number: number) => 2 * number)
    this.add = this.app.task('add', (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0))
  }

  make(url: string = this.url, options: CeleriacOptions = {}): App {
    const app = new App({ broker: url, logger: createLogger('silent'), ...options })
    app.task('pack', (what: unknown) => {
      this.packed.push(what)
      return what
    })
    return app
  }

  /** The sum of doubled numbers, as a chord. */
  sum(numbers: readonly number[]): Submission<number> {
    return chord(
      numbers.map((number) => this.double.s(number)),
      this.add.s(),
    ).delay() as Submission<number>
  }

  /** Nothing is left of what was sent before. */
  async clear(): Promise<void> {
    this.packed.length = 0
    this.charging = (_, name) => name
    const tables = ['message', 'claim', 'result', 'event', 'note', 'origin', 'chord', 'part'].map(
      (name) => `celeriac.${name}`,
    )
    await this.pool.query(`DELETE FROM purchase; ${tables.map((table) => `DELETE FROM ${table}`).join(';')}`)
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.pool.query(`SELECT count(*)::integer AS count FROM ${table}`)
    return rows[0].count
  }

  /** Messages. */
  waiting(): Promise<number> {
    return this.count('celeriac.message')
  }

  /** Rows of the business table, messages, records, notes, metadata, chords. */
  async counts(): Promise<number[]> {
    const tables = ['purchase', ...['message', 'result', 'note', 'origin', 'chord'].map((name) => `celeriac.${name}`)]
    return Promise.all(tables.map((table) => this.count(table)))
  }

  async close(): Promise<void> {
    await this.worker?.stop({ grace: 0 })
    await this.app.close()
    await this.pool.end()
  }
}

export function useShop<Kind extends Shop = Shop>(shop: Kind = new Shop() as Kind): Kind {
  beforeAll(() => shop.open())
  afterAll(() => shop.close())
  return shop
}
