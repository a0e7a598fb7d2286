/* The entry of one child process that works with plainjob, as its README shows it: one transaction per call. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Order } from '../harness/order.ts'
import { versionsOf } from '../versions.ts'
import { type Roles, runProgram } from './program.ts'
import { countCalls } from './statements.ts'

interface Queue {
  add(type: string, data: { readonly n: number }): unknown
  close(): void
}
interface Database {
  prepare(sql: string): object
}
/** What is used of plainjob. */
interface Plainjob {
  better(database: Database): unknown
  defineQueue(options: { connection: unknown; logger: object }): Queue
  defineWorker(
    type: string,
    run: (job: { readonly data: string }) => Promise<void>,
    options: { queue: Queue; logger: object; onCompleted: () => void },
  ): { start(): Promise<void>; stop(): Promise<void> }
}

/** Calls in one turn of the event loop: they are synchronous. */
const TURN = 100
const quiet = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error }

await runProgram(async ({ url, folder }: Order): Promise<Roles> => {
  const plainjob = (await import(
    pathToFileURL(join(folder, 'node_modules/plainjob/dist/plainjob.js')).href
  )) as Plainjob
  const Driver = createRequire(join(folder, 'package.json'))('better-sqlite3') as new (path: string) => Database
  const database = new Driver(url.replace(/^sqlite:/, ''))
  const statement = Object.getPrototypeOf(database.prepare('SELECT 1')) as object
  const operations = countCalls([
    [Driver.prototype, ['exec']],
    [statement, ['run', 'get', 'all', 'iterate']],
  ])
  const queue = plainjob.defineQueue({ connection: plainjob.better(database), logger: quiet })
  return {
    version: () => versionsOf(folder, ['plainjob', 'better-sqlite3']),
    async fill(tasks) {
      for (let n = 0; n < tasks; n++) queue.add('noop', { n })
    },
    async enqueue(pace) {
      for (let n = pace.take(); n !== undefined; n = pace.take()) {
        queue.add('noop', { n })
        pace.done()
        if (n % TURN === 0) await turn()
      }
    },
    async work(run, done) {
      const work = async ({ data }: { readonly data: string }): Promise<void> => run(JSON.parse(data).n)
      const worker = plainjob.defineWorker('noop', work, { queue, logger: quiet, onCompleted: () => done() })
      const running = worker.start()
      return {
        async stop() {
          await worker.stop()
          await running
        },
      }
    },
    operations,
    close: async () => queue.close(),
  }
})
