/* Workers and clients of the history checker in one process, on stores in its memory. Stops its worker and starts another one when it is asked to. */
import { openSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'celeriac/worker'
import { Calling } from './calling.ts'
import { plant } from './check/bugs.ts'
import { momentsFrom } from './moment.ts'
import { readSettings } from './settings.ts'
import { app } from './tasks.ts'

const {
  journal,
  pool,
  concurrency,
  grace,
  bug,
  epoch,
  tasks: lanes,
  queues: [ordered = 'ordered'] = [],
} = readSettings()
const moment = momentsFrom(epoch)
const file = openSync(journal, 'a')
const note = (mark: string, id: string): void => void writeSync(file, `${mark} ${id} ${moment()}\n`)
app.on('task:received', ({ id }) => note('r', id))
app.on('task:success', ({ id }) => note('s', id))
app.on('task:returned', ({ id }) => note('b', id))
app.on('task:lost', ({ id }) => note('l', id))

const module = fileURLToPath(new URL('./tasks.ts', import.meta.url))
const start = async (): Promise<Worker> => {
  const worker = new Worker(app, { pool, concurrency, module, grace })
  await worker.start()
  return worker
}
const callings = [new Calling(app, 'celery'), new Calling(app, ordered)] as const

process.on('message', async (message) => {
  if (message !== 'restart') for (const calling of callings) calling.paused = message !== 'resume'
  // What it was asked before has been done.
  if (message === 'finish') process.send?.('finished')
  if (message !== 'restart') return
  await worker.stop()
  worker = await start()
  process.send?.('restarted')
})
if (bug) await plant(app, bug)
let worker = await start()
await new Worker(app, { pool: 'solo', concurrency: 1, queues: [ordered], grace }).start()
process.send?.('ready')
await Promise.all([callings[0].run(lanes), callings[1].run(1)])
