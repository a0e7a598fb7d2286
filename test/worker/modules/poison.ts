/* A task that kills the process in which it runs, and one beside it; `poison.ts work` runs them. Each run is a line of a file. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'

const { CELERIAC_TEST_STORE: broker, CELERIAC_TEST_BACKEND: backend, CELERIAC_TEST_RUNS: runs = '' } = process.env
export const app: App = new App({ broker, backend, lease: '1s', logger: createLogger('silent') })

function note(): void {
  const task = currentTask()
  appendFileSync(
    runs,
    `${JSON.stringify({ task: task?.task, id: task?.id, pid: process.pid, attempt: task?.attempt })}\n`,
  )
}

app.task('poison', async () => {
  note()
  // So that those beside it have begun.
  await sleep(300)
  process.kill(process.pid, 'SIGKILL')
  await sleep(60_000)
})
app.task('innocent', async (time: number) => {
  note()
  await sleep(time)
  return process.pid
})

if (process.argv[2] === 'work') {
  await new Worker(app, { hostname: `poison@${process.pid}`, module: import.meta.url }).start()
  process.send?.('ready')
}
