/* A client of the history checker (`calling.ts`). Pauses and goes on when it is asked to. */
import { storesOf } from '../app/stores.ts'
import { Calling } from './calling.ts'
import { readSettings } from './settings.ts'
import { app } from './tasks.ts'

const { tasks: lanes, queues: [queue = 'celery'] = [] } = readSettings()
const calling = new Calling(app, queue)
process.on('message', (message) => {
  calling.paused = message === 'pause'
})
await storesOf(app)
process.send?.('ready')
await calling.run(lanes)
