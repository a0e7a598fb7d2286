import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { Fatal } from '../../../src/std/errors.ts'
import { onFewStores } from '../../app/lab.ts'

const Input = z.object({ n: z.number(), key: z.string().default('') })

onFewStores((lab) => {
  it('gathers its size, also beyond the concurrency, and gives each item its own result', async () => {
    const app = lab().app()
    const sizes: number[] = []
    const square = app.task({
      name: 'square',
      input: Input,
      batch: { size: 20, wait: '20s' },
      run: (items) => {
        sizes.push(items.length)
        return items.map(({ input }) => input.n ** 2)
      },
    })
    const add = app.task('add', (x: number, y: number) => x + y)
    await lab().work(app, { concurrency: 2 })
    const handles = await square.delayMany(Array.from({ length: 60 }, (_, n) => ({ n })))
    // What is gathered does not keep other tasks waiting.
    expect(await add.delay(1, 2).get({ timeout: '20s' })).toBe(3)
    const results = await Promise.all(handles.map((handle) => handle.get({ timeout: '20s' })))
    expect(results).toEqual(handles.map((_, n) => n ** 2))
    expect(sizes).toEqual([20, 20, 20])
  })

  it('begins after its wait, keeps keys apart, and each item ends by itself', async () => {
    const app = lab().app()
    const batches: string[][] = []
    const begun = new Map<string, number>()
    const mixed = app.task({
      name: 'mixed',
      input: Input,
      batch: { size: 50, wait: 300, key: ({ key }) => key },
      retry: { max: 2, delay: 10, jitter: 'none' },
      run: async (items) => {
        await sleep(1)
        batches.push(items.map(({ input }) => input.key))
        for (const { id } of items) begun.set(id, performance.now())
        return items.map((item) => {
          const { n } = item.input
          if (n % 4 === 0) return item.fail(new Fatal(`no ${n}`))
          if (n % 4 === 1) return item.attempt < 2 ? item.retry({ countdown: 1 }) : `${n} at last`
          if (n % 4 === 2 && item.attempt < 3) return item.fail(new RangeError(`not yet ${n}`))
          return `${n}`
        })
      },
    })
    await lab().work(app, { concurrency: 1 })
    const sent = performance.now()
    const handles = await mixed.delayMany(Array.from({ length: 12 }, (_, n) => ({ n, key: n < 6 ? 'a' : 'b' })))
    const ends = await Promise.all(
      handles.map((handle) => handle.get({ timeout: '20s' }).catch((error: Error) => error.message)),
    )
    expect(ends).toEqual(handles.map((_, n) => (n % 4 === 0 ? `no ${n}` : n % 4 === 1 ? `${n} at last` : `${n}`)))
    for (const keys of batches) expect(new Set(keys).size).toBe(1)
    expect(begun.get(handles[0]!.id)! - sent).toBeGreaterThan(290)
    expect(await Promise.all(handles.map(async (handle) => (await handle.info())?.retries))).toEqual(
      handles.map((_, n) => [0, 1, 2, 0][n % 4]),
    )
  })

  it('a worker that stops puts back what waits, at once', async () => {
    const app = lab().app()
    const sizes: number[] = []
    const never = app.task({
      name: 'never',
      input: Input,
      batch: { size: 5, wait: '1h' },
      run: (items) => {
        sizes.push(items.length)
      },
    })
    const worker = await lab().work(app, { concurrency: 1 })
    const handles = await never.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
    await expect.poll(() => worker.busy, { timeout: 10_000 }).toBe(3)
    await worker.stop()
    expect(sizes).toEqual([])
    handles.push(...(await never.delayMany([{ n: 4 }, { n: 5 }])))
    await lab().work(app)
    for (const handle of handles) expect(await handle.get({ timeout: '20s' })).toBeNull()
    expect(sizes).toEqual([5])
  })
})
