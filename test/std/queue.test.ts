import { describe, expect, it } from 'vitest'
import { AsyncQueue } from '../../src/std/queue.ts'

describe('AsyncQueue', () => {
  const read = async (queue: AsyncQueue<number>): Promise<number[]> => {
    const seen: number[] = []
    for await (const item of queue) seen.push(item)
    return seen
  }

  it('hands over in order, what came before and what comes while it is read', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.push(2)
    const seen = read(queue)
    queue.push(3)
    await Promise.resolve()
    queue.push(4)
    queue.end()
    expect(await seen).toEqual([1, 2, 3, 4])
  })

  it('ends after what is here, and takes no more', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.end()
    queue.push(2)
    queue.end()
    expect(await read(queue)).toEqual([1])
    expect(await read(queue)).toEqual([])
  })

  it('wakes a reader that waits when it ends', async () => {
    const queue = new AsyncQueue<number>()
    const seen = read(queue)
    await Promise.resolve()
    queue.end()
    expect(await seen).toEqual([])
  })

  it('drain takes out what nobody has read', async () => {
    const queue = new AsyncQueue<number>()
    for (const item of [1, 2, 3]) queue.push(item)
    const iterator = queue[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    expect(queue.drain()).toEqual([2, 3])
    expect(queue.drain()).toEqual([])
    queue.push(4)
    expect(await iterator.next()).toEqual({ done: false, value: 4 })
  })

  it('several readers share: each item goes to one', async () => {
    const queue = new AsyncQueue<number>()
    const readers = [read(queue), read(queue), read(queue)]
    const items = Array.from({ length: 100 }, (_, at) => at)
    for (const item of items) {
      queue.push(item)
      if (item % 3 === 0) await Promise.resolve()
    }
    queue.end()
    const seen = (await Promise.all(readers)).flat()
    expect(seen.sort((a, b) => a - b)).toEqual(items)
  })
})
