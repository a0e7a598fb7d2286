/* Tasks with batch, for workers with threads and processes, and for workers in processes of their own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, threadId } from 'node:worker_threads'
import { z } from 'zod'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

const input = z.object({ n: z.number(), key: z.string().default('') })

/** Process and thread. */
const place = (): string => `${process.pid}/${isMainThread ? 0 : threadId}`

export function defineBatches(app: App): App {
  const batch = { size: 4, wait: '20s' } as const
  app.task({
    name: 'mixed',
    input,
    batch,
    exposeLogs: true,
    async run(items, ctx) {
      ctx.log.info({ items: items.length }, 'of all')
      for (const item of items) {
        item.log.info({ n: item.input.n }, 'seen')
        await item.progress(item.input.n)
      }
      return items.map((item) => {
        if (item.input.n === 1) return item.fail(new RangeError('one'))
        // It can be written as JSON, and cannot cross to the worker.
        if (item.input.n === 2) return new Proxy([2], {})
        return [item.input.n, items.length, place()]
      })
    },
  })
  app.task({
    name: 'dies',
    input,
    batch: { ...batch, wait: 200 },
    retry: { max: 1, delay: 10, jitter: 'none' },
    run(items) {
      if (items.some(({ input: { n }, attempt }) => n === 0 && attempt === 1)) process.exit(3)
      return items.map(({ attempt }) => attempt)
    },
  })
  app.task({
    name: 'blocks',
    input,
    batch,
    timeLimit: 500,
    run() {
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    },
  })
  app.task({
    name: 'waits',
    input,
    batch,
    async run(items, ctx) {
      for (const item of items) await item.progress('here')
      while (!items.some(({ signal }) => signal.aborted)) await sleep(10)
      return items.map(({ signal }) => [signal.aborted, ctx.signal.aborted])
    },
  })
  app.task({
    name: 'kept',
    input,
    batch: { size: 4, wait: 500 },
    async run(items) {
      for (const item of items) await item.progress(process.pid)
      if (process.argv.includes('stuck')) await sleep(60_000)
      return items.map(({ input: { n } }) => n)
    },
  })
  return app
}

export const app: App = defineBatches(new App({ broker: 'memory:', logger: createLogger('silent') }))
