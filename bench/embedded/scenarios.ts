import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { quantile, slope } from '../statistics.ts'
import type { Bare } from './ceiling.ts'
import { Child, measure } from './child.ts'
import type { Asked, Drained, Order } from './roles.ts'
import type { Cost } from './stopwatch.ts'

/** One figure of one run. */
export type Figures = Readonly<Record<string, number>>

const MIB = 2 ** 20

const order = <Message>(what: Order): Promise<Message> => measure<Message>('./roles.ts', what)

/** Tasks queued by another process, drained by one worker. */
export async function drainScenario(store: string, tasks: number): Promise<Figures> {
  await order({ role: 'fill', store, tasks })
  const waiting = bytesOf(store) / tasks
  const { seconds, cpuMicroseconds } = await order<Drained>({ role: 'drain', store, tasks, warmup: 0 })
  requireStored(store, tasks)
  return {
    'tasks/s': tasks / seconds,
    'CPU us/task': cpuMicroseconds,
    'bytes/waiting task': waiting,
    'bytes/result': bytesOf(store) / tasks,
  }
}

/** `delay()` with 1,000 calls in flight, no worker. */
export async function delayScenario(store: string, tasks: number): Promise<Figures> {
  const { seconds, cpuMicroseconds } = await order<Cost>({ role: 'enqueue', store, tasks, inFlight: 1000 })
  return { 'tasks/s': tasks / seconds, 'CPU us/task': cpuMicroseconds }
}

/** One call at a time, with a pause between, to an idle worker in another process. */
export async function roundTripScenario(store: string, tasks: number): Promise<Figures> {
  const worker = new Child('./roles.ts', { role: 'worker', store })
  try {
    await worker.next()
    const { roundTrips } = await order<Asked>({ role: 'ask', store, tasks, pause: 10 })
    return { 'p50 ms': quantile(roundTrips, 0.5), 'p99 ms': quantile(roundTrips, 0.99) }
  } finally {
    await worker.end()
  }
}

/** Drained before the clock starts, so that a short backlog is not measured with cold code. */
const WARMUP = 20_000

/** A backlog of any length, by a worker that is warm. */
export async function backlogScenario(store: string, tasks: number): Promise<Figures> {
  await order({ role: 'fill', store, tasks: tasks + WARMUP })
  const drained = await order<Drained>({ role: 'drain', store, tasks, warmup: WARMUP })
  requireStored(store, tasks + WARMUP)
  const rss = drained.rss.map(([done, bytes]) => [done, bytes / MIB] as const)
  // Heap and page cache take their size in the first half.
  const settled = rss.filter(([done]) => done >= tasks / 2)
  return {
    'tasks/s': tasks / drained.seconds,
    'CPU us/task': drained.cpuMicroseconds,
    'RSS at start MiB': rss[0]?.[1] ?? Number.NaN,
    'RSS max MiB': Math.max(...rss.map(([, mebibytes]) => mebibytes)),
    ...(tasks >= 100_000 ? { 'RSS slope MiB/100k': slope(settled) * 100_000 } : {}),
  }
}

/** The least that SQLite can do the same with. */
export async function ceilingScenario(store: string, tasks: number): Promise<Figures> {
  const { enqueued, drained } = await measure<Bare>('./ceiling.ts', { store, tasks })
  return figuresOf(enqueued, drained)
}

/** plainjob, from where npm has put it. */
export async function peerScenario(store: string, tasks: number, folder: string): Promise<Figures> {
  const enqueued = await measure<Cost>('./peerRoles.ts', { role: 'enqueue', folder, store, tasks })
  const drained = await measure<Cost>('./peerRoles.ts', { role: 'drain', folder, store, tasks })
  return figuresOf(enqueued, drained)
}

function figuresOf(enqueued: Cost, drained: Cost): Figures {
  return {
    'enqueue tasks/s': enqueued.tasks / enqueued.seconds,
    'enqueue CPU us/task': enqueued.cpuMicroseconds,
    'drain tasks/s': drained.tasks / drained.seconds,
    'drain CPU us/task': drained.cpuMicroseconds,
  }
}

/** Bytes of the pages in use, of a file that no process has open. */
function bytesOf(store: string): number {
  const db = new DatabaseSync(store, { readOnly: true })
  const pragma = (name: string): number => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number
  const bytes = (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  db.close()
  return bytes
}

/** A rate counts only when every result is in the store and no message is left. */
function requireStored(store: string, tasks: number): void {
  const db = new DatabaseSync(store, { readOnly: true })
  const count = (from: string): number => (db.prepare(`SELECT count(*) AS n FROM ${from}`).get() as { n: number }).n
  const stored = count("celeriac_result WHERE state = 'SUCCESS'")
  const left = count('celeriac_message')
  db.close()
  if (stored !== tasks || left !== 0)
    throw new Error(`expected ${tasks} results and an empty queue, got ${stored} and ${left} messages`)
}

/** A path for a store that is not there yet, and its removal. */
export function storeAt(folder: string, name: string): { path: string; remove(): void } {
  const path = join(folder, `${name}.db`)
  return {
    path,
    remove: () => {
      for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    },
  }
}
