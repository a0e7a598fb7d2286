import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { Gather } from '../../src/stores/postgres/connection/gather.ts'

function echo(runs: (readonly number[])[], options?: { runs?: number; most?: number }): Gather<number, number> {
  return new Gather(async (items) => {
    runs.push(items)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return items.map((item) => item * 10)
  }, options)
}

test('what comes in one turn is one run, and what comes during it is the next', async () => {
  const runs: (readonly number[])[] = []
  const gather = echo(runs)
  const first = [1, 2, 3].map((item) => gather.add(item))
  await new Promise(setImmediate)
  const second = [4, 5].map((item) => gather.add(item))
  await new Promise(setImmediate)
  second.push(gather.add(6))
  expect(await Promise.all([...first, ...second])).toEqual([10, 20, 30, 40, 50, 60])
  expect(runs).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('a run has at most so many items, and so many runs are under way', async () => {
  const runs: (readonly number[])[] = []
  const gather = echo(runs, { runs: 2, most: 2 })
  const all = [1, 2, 3, 4, 5].map((item) => gather.add(item))
  await new Promise(setImmediate)
  expect(runs).toEqual([
    [1, 2],
    [3, 4],
  ])
  await gather.drain()
  expect(runs.at(-1)).toEqual([5])
  expect(await Promise.all(all)).toEqual([10, 20, 30, 40, 50])
})

test('of several, only the one that cannot be done fails', async () => {
  const gather = new Gather<number, number>(async (items) => {
    if (items.includes(2)) throw new Error('no twos')
    return items
  })
  const all = await Promise.allSettled([1, 2, 3].map((item) => gather.add(item)))
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('an outage fails all of a run, which is not repeated', async () => {
  let count = 0
  const gather = new Gather<number, number>(async () => {
    count++
    throw new StoreUnavailableError('none')
  })
  const all = await Promise.allSettled([1, 2].map((item) => gather.add(item)))
  expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(count).toBe(1)
})
