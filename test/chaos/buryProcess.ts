/* A worker that dies by SIGKILL while it buries a message: see `BuryProcess`, in the variable BURY. */
import { appendFileSync } from 'node:fs'
import { Celeriac, type CeleriacOptions, createLogger, Reject } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { AmqpDelivery } from '../../src/stores/rabbitmq/consume/delivery.ts'
import { storesOf } from '../app/stores.ts'
import { Crasher, watchStore } from './crash.ts'
import type { CrashPoint } from './settings.ts'

/**
 * Where it dies: before the settlement, or after it; at a point of its store; of two stores: after the dead letter is kept, after
 * the record is stored, after the message is acknowledged.
 */
export type BuryEdge = 'before' | 'after' | Extract<CrashPoint, `settle:${string}`> | 'letter' | 'record' | 'ack'

export interface BuryProcess {
  readonly options: CeleriacOptions
  /** Each run is a line here. */
  readonly ledger: string
  readonly edge: BuryEdge
}

const { options, ledger, edge } = JSON.parse(process.env.BURY ?? '') as BuryProcess

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  // Nothing more may happen while the signal is on its way.
  for (;;);
}

/** The process dies after this method, or before it. */
function dieAt(object: object, method: string, when: 'before' | 'after'): void {
  const part = object as Record<string, (...args: unknown[]) => Promise<unknown>>
  const original = part[method]
  if (!original) throw new TypeError(`expected an object with ${method}`)
  part[method] = async function (...args) {
    if (when === 'before') die()
    await original.apply(this, args)
    die()
  }
}

if (edge.startsWith('settle:')) watchStore(new Crasher({ point: edge as CrashPoint, hit: 1 }))
const app = new Celeriac({ ...options, logger: createLogger('silent') })
app.task('bury', () => {
  appendFileSync(ledger, 'run\n')
  throw new Reject('to be buried')
})
const { backend, unitOfWork } = await storesOf(app)
if (edge === 'before' || edge === 'after') dieAt(unitOfWork, 'settle', edge)
if (edge === 'record') dieAt(backend, 'store', 'after')
if (edge === 'ack') dieAt(AmqpDelivery.prototype, 'reject', 'after')
if (edge === 'letter') {
  const letters = await backend.deadLetters?.()
  if (!letters) throw new TypeError('expected a backend with dead letters')
  dieAt(letters, 'put', 'after')
  Object.assign(backend, { deadLetters: async () => letters })
}
await new Worker(app, { concurrency: 1, logger: false }).start()
process.send?.('ready')
