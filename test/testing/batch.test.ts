import { expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { testApp } from '../../src/testing/app/testApp.ts'

it('a batch is gathered by the clock of the test', async () => {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  const sizes: number[] = []
  const task = app.task({
    name: 'gathered',
    input: z.object({ n: z.number() }),
    batch: { size: 3, wait: '10m' },
    run: (items) => {
      sizes.push(items.length)
      return items.map(({ input }) => input.n)
    },
  })
  await using t = await testApp(app)
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }])
  await t.advance('9m')
  expect(sizes).toEqual([])
  await t.advance('2m')
  expect(sizes).toEqual([2])
  expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual([1, 2])
  await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  await t.advance(0)
  expect(sizes).toEqual([2, 3])
})
