/* Calls `delayMany` again and again, several times at once, until it is killed. Argument: URL of broker and backend. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { storesOf } from '../stores.ts'

const app = new App({ broker: process.argv[2], logger: createLogger('silent') })
const task = app.task('task', (_: number) => undefined)
const calls = Array.from({ length: 999 }, (_, at) => [at] as [number])
await storesOf(app)
process.send?.({ ready: true })
for (;;) await Promise.all([task.delayMany(calls), task.delayMany(calls), task.delayMany(calls)])
