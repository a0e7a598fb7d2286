import type { Order } from '../redis/order.ts'
import { PythonChild } from '../redis/python.ts'
import { asVersion, measure, nodeChild, type Performer, type Role } from '../redis/roles.ts'
import type { Present } from '../rounds.ts'

/** One of those that are measured beside each other. */
export interface Side extends Role {
  readonly name: 'celeriac' | 'bare' | 'plain' | 'Celery'
  /** How many tasks a measurement takes: the slow one gets fewer. */
  readonly enqueued: number
  readonly drained: number
  /** Its queue of tasks. */
  readonly queue: string
  readonly keepsResults: boolean
}

const BARE = { enqueued: 50_000, drained: 50_000, queue: 'bench', keepsResults: false }

function startBare(order: Order & { readonly plain: boolean }): Performer {
  return nodeChild('../rabbitmq/bare.ts')(order)
}

const SIDES: readonly Side[] = [
  {
    name: 'celeriac',
    semantics: 'publish confirmed, mandatory; late ack; result confirmed before the ack, the ack answered',
    enqueued: 50_000,
    drained: 20_000,
    queue: 'celery',
    keepsResults: true,
    start: nodeChild('../redis/ours.ts'),
  },
  {
    name: 'bare',
    semantics:
      'a loop on one channel, the message of a task: publish confirmed; consume, prefetch 400, one ack per turn; no result',
    ...BARE,
    start: (order) => startBare({ ...order, plain: false }),
  },
  {
    name: 'plain',
    semantics: 'the same with 600 bytes without headers',
    ...BARE,
    start: (order) => startBare({ ...order, plain: true }),
  },
  {
    name: 'Celery',
    semantics: 'prefork -c 2; publish confirmed, calls one at a time; late ack; result before the ack',
    enqueued: 2000,
    drained: 2000,
    queue: 'celery',
    keepsResults: true,
    start: (order) => new PythonChild(order),
  },
]

/** Those of the names, each with its version. */
export async function present(url: string, names: readonly string[]): Promise<Present<Side>[]> {
  const wanted = SIDES.filter(({ name }) => names.includes(name.toLowerCase()))
  const order = { role: 'version', url, backend: 'rpc://', folder: '' } as const
  return Promise.all(wanted.map((side) => asVersion(side, () => measure<string>(side, order))))
}
