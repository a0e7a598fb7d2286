import { expect, it } from 'vitest'
import { group } from '../../src/calls/workflow.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { LentSlots } from '../../src/worker/lentSlots.ts'
import { onFewStores, onSqliteOrEachStore, until } from '../app/lab.ts'

onFewStores((lab) => {
  it('tasks that wait for tasks end in a pool of one slot, however deep, and behind each other', async () => {
    const app = lab().app()
    const down = app.task('down', async (depth: number): Promise<number> => {
      return depth === 0 ? 1 : 1 + (await down.delay(depth - 1).get({ timeout: '30s' }))
    })
    const sum = app.task('sum', async (count: number) => {
      const members = Array.from({ length: count }, () => down.s(1))
      const all = await (await group(members).delay()).get({ timeout: '30s' })
      return all.reduce((total, one) => total + one, 0)
    })
    await lab().work(app, { concurrency: 1 })
    const handles = await down.delayMany([[4], [0], [3], [2]])
    const results = await Promise.all(handles.map((handle) => handle.get({ timeout: '40s' })))
    expect(results).toEqual([5, 1, 4, 3])
    expect(await sum.delay(3).get({ timeout: '40s' })).toBe(6)
  })

  it('what does not wait stays within the concurrency', async () => {
    const app = lab().app()
    let busy = 0
    let most = 0
    const work = app.task('work', async () => {
      most = Math.max(most, ++busy)
      await new Promise((resolve) => setTimeout(resolve, 20))
      busy--
    })
    const parent = app.task('parent', async () => {
      await Promise.all([work.delay().get({ timeout: '30s' }), work.delay().get({ timeout: '30s' })])
    })
    await lab().work(app, { concurrency: 2 })
    const parents = await parent.delayMany([[], [], [], []])
    const others = await work.delayMany(Array(10).fill([]))
    for (const handle of [...parents, ...others]) await handle.get({ timeout: '40s' })
    expect(most).toBe(2)
  })
})

onSqliteOrEachStore((lab) => {
  it('a task that is ended while it waits gives the loan back', async () => {
    const app = lab().app()
    const never = app.task('never', () => 1, { queue: 'elsewhere' })
    let most = 0
    let busy = 0
    const parent = app.task('parent', () => never.delay().get({ timeout: '20s' }), { timeLimit: 50 })
    const work = app.task('work', async () => {
      most = Math.max(most, ++busy)
      await new Promise((resolve) => setTimeout(resolve, 5))
      busy--
    })
    await lab().work(app, { concurrency: 1 })
    const ended = await parent.delayMany([[], [], []])
    for (const handle of ended)
      await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'TimeLimitExceeded' })
    for (const handle of await work.delayMany(Array(20).fill([]))) await handle.get({ timeout: '20s' })
    expect(most).toBe(1)
  })

  it('a task that waits in two places lends one slot, and a direct call none', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    let running = 0
    const child = app.task('child', async () => {
      running++
      await gate.promise
    })
    const parent = app.task('parent', async () => {
      await Promise.all([child.delay().get({ timeout: '20s' }), child.delay().get({ timeout: '20s' })])
      return currentTask()?.attempt
    })
    const worker = await lab().work(app, { concurrency: 1 })
    const handle = await parent.delay()
    await until(() => running === 1)
    expect([worker.busy, worker.pool.busy]).toEqual([2, 2])
    gate.resolve()
    expect(await handle.get({ timeout: '20s' })).toBe(1)
    expect(running).toBe(2)
  })
})

it('as many slots are lent as the pool has, and 100 at least; the consumer is asked for the last number alone', async () => {
  for (const [size, bound] of [
    [1, 100],
    [300, 300],
  ] as const) {
    const limits: number[] = []
    const slots = new LentSlots({ size: () => size, held: () => size, limit: (count) => void limits.push(count) })
    const loans = Array.from({ length: bound }, () => slots.lend())
    expect(loans.includes(undefined)).toBe(false)
    expect(slots.lend()).toBeUndefined()
    await until(() => limits.length > 0)
    expect(limits).toEqual([size + bound])
    for (const end of loans) end?.()
    await until(() => limits.length > 1)
    expect(limits).toEqual([size + bound, size])
    slots.end()
  }
})

it('while a slot is free, the consumer is asked for nothing', () => {
  const limits: number[] = []
  const slots = new LentSlots({ size: () => 2, held: () => 1, limit: (count) => void limits.push(count) })
  slots.lend()
  slots.changed()
  slots.end()
  expect(limits).toEqual([])
})
