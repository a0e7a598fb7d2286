import { PythonChild } from '../redis/python.ts'
import { asVersion, measure, nodeChild, type Role } from '../redis/roles.ts'
import type { Present } from '../rounds.ts'

/** One of those that are measured beside each other. */
export interface Side extends Role {
  readonly name: 'celeriac' | 'bare' | 'Celery'
  /** How many tasks a measurement takes: the slow one gets fewer. */
  readonly enqueued: number
  readonly drained: number
  /** Its queue of tasks. */
  readonly queue: string
  readonly keepsResults: boolean
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
      'a loop on one channel of bytes without headers: publish confirmed; consume, prefetch 400, one ack per turn; no result',
    enqueued: 50_000,
    drained: 50_000,
    queue: 'bench',
    keepsResults: false,
    start: nodeChild('../rabbitmq/bare.ts'),
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
