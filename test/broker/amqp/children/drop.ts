import { Celeriac } from 'celeriac'
import { AmqpDelivery } from '../../../../src/stores/rabbitmq/consume/delivery.ts'
import { SequentialUnitOfWork } from '../../../../src/stores/sequentialUnitOfWork.ts'

/*
 * Calls a task whose queue is full, so that the oldest job is dropped, and kills itself: `taken`: before anything is
 * written of the job whose message it holds; `recorded`: after its record, before its message is acknowledged.
 */
const [broker, backend, type, edge] = process.argv.slice(2) as [string, string, 'classic' | 'quorum', string]

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

if (edge === 'taken') SequentialUnitOfWork.prototype.settle = die
else AmqpDelivery.prototype.ack = die
const queues = { celery: { type } }
const app = new Celeriac({ broker, backend, maxQueueLength: 2, onFull: 'drop-oldest', queues, logger: false })
await app.send('work', [3])
