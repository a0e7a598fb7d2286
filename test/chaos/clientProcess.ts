/* A client in a process of its own: sends tasks, 100 at a time, and keeps a journal of what it knows. */
import { randomUUID } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { storesOf } from '../app/stores.ts'
import { Crasher, watchStore } from './crash.ts'
import { watchRabbit } from './crashRabbit.ts'
import { readSettings } from './settings.ts'

const { store, journal, crash, tasks } = readSettings()
const crasher = new Crasher(crash)
watchStore(crasher)
if (store.startsWith('amqp:')) watchRabbit(crasher, () => undefined)
const { app } = await import('./tasks.ts')

const file = openSync(journal, 'a')
let next = 0

async function send(): Promise<void> {
  while (next < tasks) {
    const n = next++
    const taskId = randomUUID()
    writeSync(file, `a ${taskId} ${Date.now()}\n`)
    await app.send('chaos.effect', [n], { taskId })
    writeSync(file, `d ${taskId} ${Date.now()}\n`)
  }
}

await storesOf(app)
process.send?.('ready')
await Promise.all(Array.from({ length: 100 }, send))
await app.close()
