import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { currentTask } from '../../../src/tasks/current.ts'

/* Tasks for threads and processes: what happens to the resources of each child is in the file LIFE_LOG. */

export const app = new App()

const note = (text: string): void =>
  appendFileSync(process.env.LIFE_LOG as string, `${text} ${process.pid}/${threadId}\n`)

const settings = app.provide('settings', {
  create: () => {
    note('settings made')
    return { url: 'db:' }
  },
  dispose: () => note('settings disposed'),
})
const db = app.provide('db', {
  create: async () => {
    const { url } = await app.get(settings)
    note('db made')
    return { url }
  },
  dispose: async () => {
    await new Promise((resolve) => setTimeout(resolve, 1500))
    note('db disposed')
  },
  timeout: '30s',
})

app.onChildInit(async ({ pool }) => {
  if (process.env.LIFE_FAILS) throw new RangeError('no licence')
  await new Promise((resolve) => setTimeout(resolve, 20))
  note(`init:${pool}`)
})
app.onChildShutdown(() => note('shutdown'))
app.onWorkerInit(() => note('worker'))

app.task('hooked', () => undefined, {
  beforeStart: ({ id }) => note(`before ${id}`),
  onSuccess: (_result, { id }) => note(`success ${id}`),
  afterReturn: ({ state }) => note(`after ${state}`),
})

app.task('query', async () => {
  const value = await currentTask()?.get(db)
  return `${value?.url}${process.pid}/${threadId}`
})
