/* The entry of a child process that works with plainjob, as its README shows it: one transaction per call. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stopwatch } from './stopwatch.ts'

interface Order {
  readonly role: 'versions' | 'enqueue' | 'drain'
  /** Where npm has installed it. */
  readonly folder: string
  readonly store: string
  readonly tasks: number
}

type Job = { readonly id: number }
interface Queue {
  add(type: string, data: unknown): Job
  close(): void
}
/** What is used of plainjob. */
interface Plainjob {
  better(database: unknown): unknown
  defineQueue(options: { connection: unknown; logger: object }): Queue
  defineWorker(
    type: string,
    run: () => Promise<void>,
    options: { queue: Queue; logger: object; onCompleted: () => void },
  ): { start(): Promise<void>; stop(): Promise<void> }
}

const quiet = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error }

async function load(folder: string): Promise<{ plainjob: Plainjob; Database: new (path: string) => unknown }> {
  const require = createRequire(join(folder, 'package.json'))
  const plainjob = (await import(
    pathToFileURL(join(folder, 'node_modules/plainjob/dist/plainjob.js')).href
  )) as Plainjob
  return { plainjob, Database: require('better-sqlite3') as new (path: string) => unknown }
}

function versionOf(folder: string, name: string): string {
  const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return `${name} ${(JSON.parse(text) as { version: string }).version}`
}

async function main({ role, folder, store, tasks }: Order): Promise<unknown> {
  const { plainjob, Database } = await load(folder)
  const database = new Database(role === 'versions' ? ':memory:' : store)
  if (role === 'versions') return `${versionOf(folder, 'plainjob')}, ${versionOf(folder, 'better-sqlite3')}`
  const queue = plainjob.defineQueue({ connection: plainjob.better(database), logger: quiet })
  const stop = stopwatch()
  if (role === 'enqueue') {
    for (let index = 0; index < tasks; index++) queue.add('noop', {})
    const cost = stop(tasks)
    queue.close()
    return cost
  }
  let done = 0
  const finished = Promise.withResolvers<void>()
  const onCompleted = (): void => {
    done++
    if (done === tasks) finished.resolve()
  }
  const worker = plainjob.defineWorker('noop', async () => undefined, { queue, logger: quiet, onCompleted })
  const running = worker.start()
  await finished.promise
  const cost = stop(tasks)
  await worker.stop()
  await running
  queue.close()
  return cost
}

process.send?.(await main(JSON.parse(process.argv[2] ?? '') as Order))
process.disconnect?.()
