import { App } from '../../src/app/app.ts'
import { chord } from '../../src/calls/workflow.ts'
import { createLogger } from '../../src/std/log.ts'
import { storesOf } from '../app/stores.ts'
import type { Settings } from './workerProcess.ts'

/*
 * A client that sends a chord of 1,000 and is killed when half of its members are in the queue. It sends a message when
 * it begins: the body has the id `body of the dead`.
 */

const { broker: url, backend, queue } = JSON.parse(process.env.INTEROP ?? '') as Settings
const app = new App({ broker: url, backend, queue, logger: createLogger('error') })
const { broker } = await storesOf(app)
const publish = broker.publish.bind(broker)
let begun = 0
let sent = 0
broker.publish = async (...message) => {
  if (++begun > 500) return new Promise(() => undefined)
  await publish(...message)
  if (++sent === 500) process.kill(process.pid, 'SIGKILL')
}
const members = Array.from({ length: 1000 }, (_, n) => app.signature('both.work', [n]))
process.send?.('ready')
await chord(members, app.signature('ts.body').set({ taskId: 'body of the dead' })).delay()
