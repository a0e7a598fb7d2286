/* A worker in a process of its own: keeps a journal, dies where it is told to, stops on SIGTERM, at once on a second one. */
import { openSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'celeriac/worker'
import { plant } from './check/bugs.ts'
import { Crasher, watchStore } from './crash.ts'
import { watchRabbit } from './crashRabbit.ts'
import { momentsFrom } from './moment.ts'
import { readSettings } from './settings.ts'

const { name, store, journal, pool, concurrency, queues, grace, crash, bug, epoch } = readSettings()
const moment = momentsFrom(epoch)
const crasher = new Crasher(crash)
const file = openSync(journal, 'a')
const note = (mark: string, id: string): void => void writeSync(file, `${mark} ${id} ${moment()}\n`)
if (crash) watchStore(crasher)
if (store.startsWith('amqp:')) watchRabbit(crasher, (id) => note('w', id))
const { app } = await import('./tasks.ts')

app.on('task:received', ({ id }) => {
  note('r', id)
  crasher.pass('task:received')
})
app.on('task:prerun', () => crasher.pass('task:prerun'))
app.on('task:postrun', () => crasher.pass('task:postrun'))
app.on('task:success', ({ id }) => {
  crasher.pass('task:success')
  note('s', id)
})
app.on('task:returned', ({ id }) => note('b', id))
app.on('task:lost', ({ id }) => note('l', id))

const module = fileURLToPath(new URL('./tasks.ts', import.meta.url))
const worker = new Worker(app, { pool, concurrency, queues, module, hostname: name, grace })
let stopping = false

async function stop(): Promise<void> {
  await worker.stop({ reason: 'SIGTERM' })
  await app.close()
  // What was abandoned may hold timers.
  process.exit(0)
}

process.on('SIGTERM', () => {
  if (stopping) void worker.stop({ grace: 0 })
  else void stop()
  stopping = true
})
if (bug) await plant(app, bug)
await worker.start()
process.send?.('ready')
