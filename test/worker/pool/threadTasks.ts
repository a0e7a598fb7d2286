import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { currentTask } from '../../../src/tasks/current.ts'

/** Beside the suite's tasks: what only threads do. */
export const app = new App()

app.task('where', () => ({
  thread: threadId,
  broker: app.config.broker.reveal(),
  backend: app.config.backend.reveal(),
}))

app.task('call', async (id: string) => {
  await app.send('elsewhere', [1], { taskId: id })
  return app.result(id).state()
})

app.task('say', (words: string) => {
  currentTask()?.log.info({ words, call: () => words }, 'said')
  console.log(words)
})

app.task('forget', async () => {
  void Promise.reject(new RangeError('forgotten'))
  await new Promise((resolve) => setTimeout(resolve, 10_000))
})

app.task('leave', (wait: number) => {
  setTimeout(() => process.exit(4), wait)
})

app.task('native', async (seconds: number) => {
  await currentTask()?.updateState('RUNNING')
  spawnSync('sleep', [String(seconds)])
})

app.task('uncloneable', () => ({ toJSON: () => 'text' }))

const close = app.close.bind(app)
app.close = async () => {
  if (process.env.CLOSE_LOG) appendFileSync(process.env.CLOSE_LOG, `closed ${threadId}\n`)
  await close()
}
