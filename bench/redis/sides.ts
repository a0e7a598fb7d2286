import { installPackages } from '../packages.ts'
import type { Present } from '../rounds.ts'
import { PythonChild } from './python.ts'
import { asVersion, measure, nodeChild, type Role } from './roles.ts'

/** One of those that are measured beside each other. */
export interface Side extends Role {
  readonly name: 'celeriac' | 'BullMQ' | 'Celery'
  /** How many tasks a measurement takes: the slow ones get fewer. */
  readonly enqueued: number
  readonly drained: number
  /** Each answers 0 when nothing is waiting or held. */
  readonly left: readonly string[]
}

export const SIDES: readonly Side[] = [
  {
    name: 'celeriac',
    semantics:
      'message with id, origin, retries; late ack; lease; result stored, published and expiring, one step with the ack',
    enqueued: 50_000,
    drained: 20_000,
    left: ['LLEN celery', 'HLEN unacked'],
    start: nodeChild('../redis/ours.ts'),
  },
  {
    name: 'BullMQ',
    semantics:
      'job hash; late ack; lock renewed; return value kept in the job for ever, event stream written, one step with the ack',
    enqueued: 50_000,
    drained: 20_000,
    left: ['LLEN bull:bench:wait', 'LLEN bull:bench:active'],
    start: nodeChild('../redis/bullmq.ts'),
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

/** Install what is measured beside ours into `folder`, and ask each side for its version. */
export async function present(folder: string, names: readonly string[]): Promise<Present<Side>[]> {
  const found: Present<Side>[] = []
  for (const side of SIDES.filter(({ name }) => names.includes(name.toLowerCase()))) {
    const url = 'redis://127.0.0.1:1/0'
    found.push(
      await asVersion(side, async () => {
        if (side.name === 'BullMQ') installPackages(folder, ['bullmq', 'ioredis'])
        return measure<string>(side, { role: 'version', url, folder })
      }),
    )
  }
  return found
}
