import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { currentTask } from '../../../src/tasks/current.ts'

/** Beside the suite's tasks: what only threads and processes do. */
export const app = new App()

app.task('where', () => ({
  thread: threadId,
  pid: process.pid,
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
  await currentTask()?.updateState('RUNNING', { pids: [] })
  spawnSync('sleep', [String(seconds)])
})

/** Ends its process by this signal. */
app.task('signal', async (name: NodeJS.Signals) => {
  process.kill(process.pid, name)
  await new Promise((resolve) => setTimeout(resolve, 10_000))
})

/** Sends a signal to its process, and goes on. */
app.task('obey', async (name: NodeJS.Signals) => {
  process.kill(process.pid, name)
  await new Promise((resolve) => setTimeout(resolve, 100))
  return 'went on'
})

/** Ends its thread or process. */
app.task('leaveNow', () => process.exit(9))

app.task('memory', () => ({ heap: process.memoryUsage().heapUsed, rss: process.memoryUsage.rss() }))

const kept: unknown[] = []
/** Keeps so many MB of its heap for ever. */
app.task('keep', (megabytes: number) => {
  for (let at = 0; at < megabytes; at++) kept.push(Array.from({ length: 131_072 }, (_, index) => index + at / 2))
})

app.task('abort', () => process.abort())

/** Starts a process, reports both ids, then never returns. */
app.task('family', async () => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  await currentTask()?.updateState('RUNNING', { pids: [process.pid, child.pid] })
  for (;;);
})

/** Reports its id, then never returns. */
app.task('spin', async () => {
  await currentTask()?.updateState('RUNNING', { pids: [process.pid] })
  for (;;);
})

/** Starts a process that it leaves behind, then ends its own. */
app.task('leaveChild', async () => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  await currentTask()?.updateState('RUNNING', { pids: [process.pid, child.pid] })
  process.exit(5)
})

app.task('uncloneable', () => ({ toJSON: () => 'text' }))

const close = app.close.bind(app)
app.close = async () => {
  if (process.env.CLOSE_LOG) appendFileSync(process.env.CLOSE_LOG, `closed ${process.pid} ${threadId}\n`)
  await close()
}
