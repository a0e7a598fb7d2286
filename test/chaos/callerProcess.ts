/* A client of the history checker: sends and waits for results, some calls at a time, and keeps a journal: `a` attempted, `d` acknowledged, `o` an outcome. Pauses and goes on when it is asked to. */
import { randomUUID } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { TimeoutError } from 'celeriac'
import { storesOf } from '../app/stores.ts'
import { readSettings } from './settings.ts'
import { app } from './tasks.ts'

/** Pause of a lane between two calls, ms. */
const PAUSE = 30

const { journal, tasks: lanes, queues: [queue = 'celery'] = [] } = readSettings()
const file = openSync(journal, 'a')
const note = (mark: string, id: string, more = ''): void =>
  void writeSync(file, `${mark} ${id} ${Date.now()} ${more}\n`)
let paused = false

async function call(): Promise<void> {
  const taskId = randomUUID()
  note('a', taskId, queue)
  try {
    await app.send('chaos.mark', [Math.round(Math.random() * 30)], { taskId, queue })
    note('d', taskId)
  } catch (error) {
    // It may be stored or not: a client that has no answer.
    note('x', taskId, (error as Error).name)
    return
  }
  if (queue === 'celery') await outcome(taskId)
}

async function outcome(taskId: string): Promise<void> {
  for (;;) {
    try {
      note('o', taskId, `SUCCESS ${JSON.stringify(await app.result(taskId).get({ timeout: '5s' }))}`)
      return
    } catch (error) {
      if (paused && error instanceof TimeoutError) return
      await sleep(200)
    }
  }
}

async function lane(): Promise<never> {
  for (;;) {
    if (!paused) await call()
    await sleep(queue === 'celery' ? PAUSE : 2 * PAUSE)
  }
}

process.on('message', (message) => {
  paused = message === 'pause'
})
await storesOf(app)
process.send?.('ready')
await Promise.all(Array.from({ length: lanes }, lane))
