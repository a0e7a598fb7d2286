/* Tasks that use memory, or none; `tasks.ts work OPTIONS` runs them, and answers each message with what it uses. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker, type WorkerOptions } from '../../../src/worker/worker.ts'
import { usage } from './usage.ts'

const { CELERIAC_TEST_STORE: broker = 'memory:' } = process.env
export const app: App = new App({ broker, lease: '30s', logger: createLogger('error') })
app.task('nothing', (value: number) => value)
app.task('usage', usage)

const hoard: number[][] = []
/** Keeps some 100 bytes of the heap for ever. */
app.task('hoard', (value: number) => {
  hoard.push(Array.from({ length: 12 }, (_, at) => value + at))
  return value
})

const leaked: Buffer[] = []
/** Keeps 1 MB for ever. */
app.task('leak', () => {
  leaked.push(Buffer.alloc(1024 ** 2, 1))
  return usage().place
})

if (process.argv[2] === 'work') {
  const options = JSON.parse(process.argv[3] ?? '{}') as WorkerOptions
  const worker = new Worker(app, { ...options, module: import.meta.url })
  await worker.start()
  process.on('message', () => process.send?.(usage()))
  process.send?.('ready')
}
