import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../../../src/app/app.ts'
import { chord, group } from '../../../src/calls/workflow.ts'
import type { BatchItem } from '../../../src/tasks/batch/batchItem.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { record, until, useLab } from '../../app/lab.ts'

const lab = useLab('sqlite')
const Input = z.object({ n: z.number() })
const batch = { size: 3, wait: '10s' } as const

/** A task of batches of three, and how it was called. */
function three<Result>(
  app: App,
  run: (items: readonly BatchItem<{ n: number }>[]) => Promise<readonly Result[]> | readonly Result[],
  options: object = {},
) {
  return app.task({ name: 'three', input: Input, batch, run, ...options })
}

/** Its result, or its error in one line. */
const endOf = (handle: { get(options: object): Promise<unknown> }): Promise<unknown> =>
  handle
    .get({ timeout: '15s' })
    .catch((error: Error & { type?: string }) => `${error.type ?? error.name}: ${error.message}`)

it('what the function throws is the end of each item that has none of its own', async () => {
  const app = lab().app()
  const told = record(app)
  const runs: number[] = []
  const task = three(
    app,
    (items): number[] => {
      runs.push(items.length)
      items.find(({ input }) => input.n === 1)?.fail(new RangeError('one'))
      // The first end counts.
      items.find(({ input }) => input.n === 1)?.fail(new TypeError('never'))
      if (items.some(({ attempt }) => attempt === 1)) throw new TypeError('all')
      return items.map(({ input }) => input.n)
    },
    { retry: { max: 1, delay: 10, jitter: 'none', on: [TypeError] }, batch: { size: 3, wait: 200 } },
  )
  await lab().work(app)
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  expect(await Promise.all(handles.map(endOf))).toEqual(['RangeError: one', 2, 3])
  expect(runs).toEqual([3, 2])
  const names = told.filter(({ event }) => 'id' in event && event.id === handles[1]?.id).map(({ name }) => name)
  expect(names.filter((name) => !name.includes('publish'))).toEqual([
    ...['task:received', 'task:prerun', 'task:postrun', 'task:retry'],
    ...['task:received', 'task:prerun', 'task:postrun', 'task:success'],
  ])
})

it.each([
  ['a list of another length', () => [1], 'a list of 1'],
  ['no list', () => 'x', '"x"'],
])('%s is the failure of all, once', async (_, result, got) => {
  const app = lab().app()
  let runs = 0
  const run = (): number[] => {
    runs++
    return result() as number[]
  }
  const task = three(app, run, { retry: 3 })
  await lab().work(app)
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  const expected = `Fatal: task three: batch: expected a list of 3 results, or nothing, got ${got}`
  expect(await Promise.all(handles.map(endOf))).toEqual(Array(3).fill(expected))
  expect(runs).toBe(1)
})

it('an item with a wrong input, or without a key, fails alone before the batch runs', async () => {
  const app = lab().app()
  const seen: number[] = []
  const long = 'ü'.repeat(128)
  app.task({
    name: 'keyed',
    input: Input,
    batch: {
      ...batch,
      key: ({ n }) => {
        if (n === 7) throw new RangeError('seven')
        return (n === 8 ? 8 : n === 9 ? long : '') as string
      },
    },
    run: (items) => {
      seen.push(...items.map(({ input }) => input.n))
    },
  })
  await lab().work(app)
  const other = lab().app()
  const send = (n: unknown) => other.send('keyed', { n })
  const handles = await Promise.all([send(1), send('x'), send(7), send(8), send(9), send(2), send(3)])
  const ends = await Promise.all(handles.map(endOf))
  expect([ends[0], ends[5], ends[6]]).toEqual([null, null, null])
  expect(ends[1]).toMatch(/^CallError: task keyed: n: /)
  const key = 'ArgumentError: task keyed: batch.key: expected'
  expect(ends.slice(2, 5)).toEqual([
    `${key} a key, got an error: seven`,
    `${key} text of at most 255 bytes, got 8`,
    `${key} text of at most 255 bytes, got 256 bytes`,
  ])
  expect(seen.sort()).toEqual([1, 2, 3])
})

it('a result that the schema refuses, or that cannot be sent, is the failure of its item alone', async () => {
  const app = lab().app()
  const task = three(app, (items) => items.map(({ input: { n } }) => (n === 1 ? 1 : n === 2 ? 'x' : 2n)), {
    output: z.union([z.number(), z.bigint()]),
  })
  await lab().work(app)
  const ends = await Promise.all((await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])).map(endOf))
  expect(ends).toEqual([1, expect.stringMatching(/^ValidationError/), expect.stringMatching(/^(Encode|Type)Error/)])
})

it('a revoked or expired item does not get into the batch', async () => {
  const app = lab().app()
  const seen: number[] = []
  const task = three(app, (items) => {
    seen.push(...items.map(({ input }) => input.n))
    return items.map(({ input }) => input.n)
  })
  const worker = await lab().work(app)
  const first = await task.delay({ n: 1 })
  const late = await task.applyAsync({ n: 2 }, { expires: 1 })
  await until(() => worker.busy >= 1)
  await first.revoke()
  await sleep(50)
  const last = await task.delayMany([{ n: 3 }, { n: 4 }, { n: 5 }])
  expect(await Promise.all([first, late].map(endOf))).toEqual([
    expect.stringMatching(/^TaskRevokedError: /),
    expect.stringMatching(/^TaskRevokedError: /),
  ])
  await expect(Promise.all(last.slice(0, 1).map(endOf))).resolves.toEqual([3])
  expect(seen).not.toContain(1)
  expect(seen).not.toContain(2)
})

it('an item that is revoked while the batch runs: its signal aborts, the others go on', async () => {
  const app = lab().app()
  const aborted: unknown[] = []
  const gate = Promise.withResolvers<void>()
  const running = Promise.withResolvers<void>()
  const task = app.task({
    name: 'slow',
    input: Input,
    batch,
    async run(items, ctx) {
      running.resolve()
      await gate.promise
      aborted.push(...items.map(({ signal }) => signal.aborted), ctx.signal.aborted)
      return items.map((item) => (item.signal.aborted ? item.fail(item.signal.reason) : item.input.n))
    },
  })
  await lab().work(app, { revokeGrace: 20 })
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  await running.promise
  await handles[0]?.revoke()
  await handles[2]?.revoke({ terminate: true })
  const terminated = await endOf(handles[2]!)
  gate.resolve()
  expect(await Promise.all(handles.map(endOf))).toEqual([expect.stringMatching(/^TaskRevokedError: /), 2, terminated])
  expect(terminated).toMatch(/^TaskRevokedError: /)
  expect(aborted).toEqual([true, false, expect.any(Boolean), false])
})

it('all items share the time limits of the task, each with its own policy', async () => {
  const app = lab().app()
  const attempts: number[] = []
  const task = app.task({
    name: 'stuck',
    input: Input,
    batch: { size: 3, wait: 100 },
    softTimeLimit: 50,
    retry: { max: 1, delay: 1 },
    async run(items, ctx) {
      attempts.push(...items.map(({ attempt }) => attempt))
      await new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)))
    },
  })
  await lab().work(app)
  // A limit of one call would end the others.
  const handles = [await task.applyAsync({ n: 1 }, { timeLimit: 10 }), ...(await task.delayMany([{ n: 2 }, { n: 3 }]))]
  const expected = Array(3).fill(expect.stringMatching(/^SoftTimeLimitExceeded/))
  expect(await Promise.all(handles.map(endOf))).toEqual(expected)
  expect(attempts).toEqual([1, 1, 1])
})

it('a batch that outlives the hard limit is abandoned, and its slot is free', async () => {
  const app = lab().app()
  const task = three(app, () => new Promise<number[]>(() => undefined), { timeLimit: 50 })
  const add = app.task('add', (x: number, y: number) => x + y)
  await lab().work(app, { concurrency: 1 })
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  const expected = Array(3).fill(expect.stringMatching(/^TimeLimitExceeded/))
  expect(await Promise.all(handles.map(endOf))).toEqual(expected)
  expect(await add.delay(1, 2).get({ timeout: '10s' })).toBe(3)
})

it('links, chords, progress, hooks and middleware are of each item', async () => {
  const app = lab().app()
  const around: string[] = []
  app.use({
    run: async ({ job }, next) => {
      if (job.task === 'three') around.push('layer')
      return next({ job, args: job.args })
    },
  })
  const seen: unknown[] = []
  const task = three(
    app,
    async (items) => {
      seen.push(currentTask())
      for (const item of items) await item.progress(item.input.n)
      return items.map(({ input }) => input.n * 10)
    },
    { beforeStart: () => around.push('start'), onSuccess: (result: number) => around.push(`end ${result}`) },
  )
  const sum = app.task('sum', (numbers: number[]) => numbers.reduce((all, one) => all + one, 0))
  await lab().work(app)
  const all = chord(group([task.s({ n: 1 }), task.s({ n: 2 }), task.s({ n: 3 })]), sum.s())
  expect(await (await all.delay()).get({ timeout: '15s' })).toBe(60)
  expect(around.sort()).toEqual([
    ...['end 10', 'end 20', 'end 30', 'layer', 'layer', 'layer', 'start', 'start', 'start'],
  ])
  expect(seen).toEqual([undefined])
})

it('a direct call and alwaysEager pass a list of one', async () => {
  const app = lab().app({ alwaysEager: true })
  const sizes: number[] = []
  const task = three(app, (items) => {
    sizes.push(items.length)
    return items.map((item) => (item.input.n === 2 ? item.fail(new RangeError('two')) : item.input.n))
  })
  expect(await task({ n: 1 })).toBe(1)
  await expect(task({ n: 2 })).rejects.toThrow('two')
  expect(await task.delay({ n: 3 }).get()).toBe(3)
  await expect(task.delay({ n: 2 }).get()).rejects.toMatchObject({ type: 'RangeError' })
  expect(sizes).toEqual([1, 1, 1, 1])
})

it('layers around the processing may take their time, and one that throws ends its item alone', async () => {
  const app = lab().app()
  app.use({
    process: async (processing, next) => {
      await sleep(5)
      if (processing.headers.refused) throw new RangeError('refused')
      return next(processing)
    },
  })
  const sizes: number[] = []
  const task = three(app, (items) => {
    sizes.push(items.length)
    return items.map(({ input }) => input.n)
  })
  await lab().work(app, { concurrency: 1 })
  const refused = await task.applyAsync({ n: 1 }, { headers: { refused: true } })
  const handles = await task.delayMany([{ n: 2 }, { n: 3 }])
  expect(await Promise.all([refused, ...handles].map(endOf))).toEqual(['RangeError: refused', 2, 3])
  expect(sizes).toEqual([2])
})

it('a batch that outlives the grace of a stop is put back, and its signal aborts before', async () => {
  const app = lab().app()
  const seen: string[] = []
  const task = app.task({
    name: 'long',
    input: Input,
    batch,
    async run(items, ctx) {
      seen.push(`run ${items.length}`)
      ctx.signal.addEventListener('abort', () => seen.push('abort'))
      if (seen.length === 1) await new Promise(() => undefined)
    },
  })
  const worker = await lab().work(app)
  const handles = await task.delayMany([{ n: 1 }, { n: 2 }, { n: 3 }])
  await until(() => seen.length === 1)
  await worker.stop({ grace: 50 })
  expect(seen).toEqual(['run 3', 'abort'])
  await lab().work(app)
  expect(await Promise.all(handles.map(endOf))).toEqual([null, null, null])
  expect(seen).toEqual(['run 3', 'abort', 'run 3'])
})
