/* Waits for results and leaves without closing its app: nothing that it waited with may keep it alive. */
import { App } from '../../../src/app/app.ts'
import { Worker } from '../../../src/worker/worker.ts'

const app = new App({ broker: process.argv[2] ?? '' })
const double = app.task('double', (n: number) => n * 2)
const worker = new Worker(app)
await worker.start()
const results = await Promise.all([1, 2, 3].map(async (n) => (await double.delay(n)).get()))
for await (const _ of (await double.delay(4)).events());
await worker.stop()
console.log(results.join())
