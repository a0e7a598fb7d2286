import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../embedded/child.ts'
import type { Order } from './order.ts'
import { PythonChild } from './python.ts'

/** One of those that are measured beside each other. */
export interface Side {
  readonly name: 'celeriac' | 'BullMQ' | 'Celery'
  readonly semantics: string
  /** How many tasks a measurement takes: the slow ones get fewer. */
  readonly enqueued: number
  readonly drained: number
  /** Each answers 0 when nothing is waiting or held. */
  readonly left: readonly string[]
  start(order: Order): { next<Message>(): Promise<Message>; end(): Promise<void> }
}

const nodeSide = (file: string) => (order: Order) => new Child(new URL(file, import.meta.url).href, order)

export const SIDES: readonly Side[] = [
  {
    name: 'celeriac',
    semantics:
      'message with id, origin, retries; late ack; lease; result stored, published and expiring, one step with the ack',
    enqueued: 50_000,
    drained: 20_000,
    left: ['LLEN celery', 'HLEN unacked'],
    start: nodeSide('./ours.ts'),
  },
  {
    name: 'BullMQ',
    semantics:
      'job hash; late ack; lock renewed; return value kept in the job for ever, event stream written, one step with the ack',
    enqueued: 50_000,
    drained: 20_000,
    left: ['LLEN bull:bench:wait', 'LLEN bull:bench:active'],
    start: nodeSide('./bullmq.ts'),
  },
  {
    name: 'Celery',
    semantics:
      'prefork -c 2; late ack; visibility timeout; result stored, published and expiring, before the ack; calls one at a time',
    enqueued: 3000,
    drained: 3000,
    left: ['LLEN celery', 'HLEN unacked'],
    start: (order) => new PythonChild(order),
  },
]

/** Run one order to its end: what it measured. */
export async function measure<Message>(side: Side, order: Order): Promise<Message> {
  const child = side.start(order)
  try {
    return await child.next<Message>()
  } finally {
    await child.end()
  }
}

/** A side that can be measured here, or why it cannot. */
export type Present =
  | { readonly side: Side; readonly version: string }
  | { readonly side: Side; readonly problem: string }

/** Install what is measured beside ours into `folder`, and ask each side for its version. */
export async function present(folder: string, names: readonly string[]): Promise<Present[]> {
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n')
  const found: Present[] = []
  for (const side of SIDES.filter(({ name }) => names.includes(name.toLowerCase()))) {
    try {
      if (side.name === 'BullMQ') install(folder)
      found.push({
        side,
        version: await measure<string>(side, { role: 'version', url: 'redis://127.0.0.1:1/0', folder }),
      })
    } catch (error) {
      found.push({ side, problem: (error as Error).message.split('\n')[0] ?? '' })
    }
  }
  return found
}

function install(folder: string): void {
  const options = ['--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...options, 'bullmq', 'ioredis'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
