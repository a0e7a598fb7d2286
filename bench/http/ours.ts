/* The entry of one child process: celeriac's REST API, or a worker of its tasks. */
import { once } from 'node:events'
import { z } from 'zod'
import { loadCeleriac } from '../children/load.ts'
import type { Order, Ready } from './order.ts'

const order = JSON.parse(process.argv[2] ?? '') as Order
const { Celeriac, createLogger, serve, Worker } = await loadCeleriac(order.root)
const app = new Celeriac({ broker: order.url, logger: createLogger('error') })
const render = app.task({
  name: 'reports.render',
  input: z.strictObject({
    id: z.string().min(1),
    dpi: z.int().min(50).max(600),
    title: z.string(),
    formats: z.array(z.enum(['pdf', 'png'])),
  }),
  run: ({ id }) => id,
})

function say(ready: Ready): void {
  process.send?.(ready)
}

async function run(): Promise<void> {
  const gone = once(process, 'disconnect')
  if (order.role === 'serve') {
    const server = await serve(app.http({ expose: [render] }), { port: 0 })
    say({ port: server.port })
    await gone
    await server.close()
  } else {
    const worker = new Worker(app, { pool: 'inline', concurrency: 10 })
    await worker.start()
    say({})
    await gone
    await worker.stop()
  }
  await app.close()
}

await run()
