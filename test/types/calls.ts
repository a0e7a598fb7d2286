/*
 * Compiled by the type check, never run: what the types of tasks and calls infer, and what they refuse.
 * A line that must not compile bears @ts-expect-error: the check fails when it does.
 */
import { type AsyncResult, Celeriac, currentTask, type JobInfo, type Submission, type TaskContext } from 'celeriac'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

const app = new Celeriac()

const add = app.task('add', (x: number, y: number) => x + y)
const load = app.task('load', async (path: string, limit?: number) => [path, String(limit)])
const render = app.task({
  name: 'render',
  input: z.object({ page: z.number(), title: z.string().default('untitled'), size: z.coerce.number().optional() }),
  output: z.object({ url: z.url(), pages: z.string().transform(Number) }),
  progress: z.object({ done: z.number() }),
  retry: 3,
  async run(input, ctx) {
    same<typeof input, { page: number; title: string; size?: number | undefined }>(true)
    same<typeof ctx, TaskContext<{ done: number }>>(true)
    await ctx.progress({ done: 1 })
    // @ts-expect-error progress has a schema
    await ctx.progress({ done: 'half' })
    return { url: 'https://example.org', pages: '3' }
  },
})
const db = app.provide('db', { create: async () => ({ rows: 3 }), dispose: (value) => value.rows.toFixed() })
app.task({
  name: 'count',
  input: z.object({}),
  run: async (_input, ctx) => same<Awaited<ReturnType<typeof ctx.get<{ rows: number }>>>, { rows: number }>(true),
})
app.task('rows', async () => (await currentTask()?.get(db))?.rows.toFixed())
app.task('hooked', (x: number) => x + 1, {
  onSuccess: (result, ctx) => same<[typeof result, typeof ctx], [number, TaskContext]>(true),
  afterReturn: (end) => (end.state === 'SUCCESS' ? end.result.toFixed() : end.error),
})
app.task({
  name: 'hooked too',
  input: z.object({}),
  output: z.object({ pages: z.string().transform(Number) }),
  progress: z.object({ done: z.number() }),
  beforeStart: (ctx) => ctx.progress({ done: 0 }),
  onSuccess: ({ pages }) => pages.toFixed(),
  run: async () => ({ pages: '3' }),
})
// @ts-expect-error its result is no text
app.task('hooked', (x: number) => x + 1, { onSuccess: (result: string) => result })
// @ts-expect-error it has no such property
app.task('lines', async () => (await app.get(db)).lines)
// @ts-expect-error its value has no such method
app.provide('wrong', { create: () => 1, dispose: (value) => value.close() })
const plain = app.task({ name: 'plain', input: z.object({ n: z.number() }), run: ({ n }) => Promise.resolve(n > 1) })

const integrate = app.task({
  name: 'integrate',
  input: z.strictObject({ f: z.string(), a: z.number(), b: z.number(), size: z.number().default(100) }),
  params: ['f', 'a', 'b', 'size'],
  run: ({ a, b }) => a + b,
})
const checked = app.task('checked', (x: number, y?: number) => x + (y ?? 0), {
  params: { x: z.number(), y: z.number().optional() },
})

export function byPosition(): void {
  integrate.delay('xs', 0, 1, 1000)
  integrate.delay('xs', 0, 1)
  integrate.delay({ f: 'xs', a: 0, b: 1 })
  integrate.applyAsync(['xs', 0, 1], { countdown: '1s' })
  void integrate.delayMany([['xs', 0, 1], { f: 'xs', a: 0, b: 1 }])
  void integrate('xs', 0, 1)
  checked.delay(1)
  same<Parameters<typeof checked.delay>, [x: number, y?: number]>(true)
  // @ts-expect-error b is missing
  integrate.delay('xs', 0)
  // @ts-expect-error a is a number
  integrate.delay('xs', 'zero', 1)
  // @ts-expect-error too many
  integrate.delay('xs', 0, 1, 2, 3)
  // @ts-expect-error no property of the input
  app.task({ name: 'wrong', input: z.object({ n: z.number() }), params: ['m'], run: () => 1 })
  // @ts-expect-error not by position where no params are declared
  plain.delay(1)
}

export async function results(): Promise<void> {
  same<ReturnType<typeof add>, number>(true)
  same<ReturnType<typeof load>, Promise<string[]>>(true)
  const submission = add.delay(1, 2)
  same<typeof submission, Submission<number, unknown>>(true)
  // `await` gives the handle, since a handle is not thenable; its own `get` gives the result.
  const handle = await submission
  same<typeof handle, AsyncResult<number, unknown>>(true)
  const awaitedTwice = await handle
  same<typeof awaitedTwice, AsyncResult<number, unknown>>(true)
  // @ts-expect-error a handle is not thenable
  void handle.then
  const got = await add.delay(1, 2).get({ timeout: '1s' })
  same<typeof got, number>(true)
  const lines = await (await load.delay('a')).get()
  same<typeof lines, string[]>(true)
  const rendered = await render.delay({ page: 1 }).get()
  same<typeof rendered, { url: string; pages: number }>(true)
  const direct = await render({ page: 1 })
  same<typeof direct, { url: string; pages: number }>(true)
  const many = await render.delayMany([{ page: 1 }])
  same<typeof many, AsyncResult<{ url: string; pages: number }, { done: number }>[]>(true)
  const flag = await plain.delay({ n: 1 }).get()
  same<typeof flag, boolean>(true)
  const info = await handle.info()
  same<typeof info, JobInfo | undefined>(true)
}

export async function events(): Promise<void> {
  const handle = await render.delay({ page: 1 })
  for await (const event of handle.events()) {
    if (event.type === 'progress') same<typeof event.data, { done: number }>(true)
    if (event.type === 'success') same<typeof event.result, { url: string; pages: number }>(true)
    if (event.type === 'failure') same<typeof event.error.message, string>(true)
    if (event.state === 'REVOKED') same<typeof event.type, string>(false)
  }
  const byName = app.send<number, { done: number }>('elsewhere', { a: 1 })
  same<typeof byName, Submission<number, { done: number }>>(true)
  const byId = app.result<string>('id')
  same<typeof byId, AsyncResult<string, unknown>>(true)
}

export function refused(): void {
  // @ts-expect-error too few arguments
  add.delay(1)
  // @ts-expect-error too many arguments
  add.delay(1, 2, 3)
  // @ts-expect-error of the wrong type
  add.delay(1, '2')
  // @ts-expect-error applyAsync takes the list
  add.applyAsync(1, 2)
  // @ts-expect-error of the wrong type
  add.applyAsync(['1', 2])
  // @ts-expect-error an unknown option
  add.applyAsync([1, 2], { delay: 5 })
  // @ts-expect-error not a duration
  add.applyAsync([1, 2], { countdown: new Date() })
  // @ts-expect-error a list of calls
  void add.delayMany([1, 2])
  // @ts-expect-error one id cannot stand for many calls
  void add.delayMany([[1, 2]], { taskId: 'x' })
  // @ts-expect-error page is missing
  render.delay({ title: 'x' })
  // @ts-expect-error page is a number
  render.delay({ page: '1' })
  // @ts-expect-error no such field
  render.delay({ page: 1, pgae: 2 })
  // @ts-expect-error one object, not a list
  render.delay(1)
  // @ts-expect-error an unknown task option
  app.task('other', () => 1, { retries: 3 })
  app.task({
    name: 'unique',
    input: z.object({ page: z.number() }),
    unique: { key: ({ page }) => page.toFixed(), while: 'queued' },
    run: ({ page }) => page,
  })
  app.task({
    name: 'unique by',
    input: z.object({ page: z.number() }),
    // @ts-expect-error the input has no such property
    debounce: { key: ({ pages }) => String(pages), wait: '1s' },
    run: ({ page }) => page,
  })
  // @ts-expect-error a unique task says how long
  app.task('for ever', () => 1, { unique: {} })
  // @ts-expect-error a task has a function
  app.task('none')
  // @ts-expect-error an unknown option of the app
  new Celeriac({ brokr: 'memory:' })
  // @ts-expect-error no such signal
  app.on('task:done', () => undefined)
}

export function facts(): void {
  app.on('task:retry', ({ id, delay, error }) => {
    same<typeof id, string>(true)
    same<typeof delay, number>(true)
    same<typeof error.message, string>(true)
  })
  app.use({
    send: async (call, next) => {
      same<typeof call.task, string>(true)
      const result = await next(call)
      same<typeof result, AsyncResult>(true)
      return result
    },
    run: (run, next) => next({ ...run, args: [...run.args] }),
  })
  const task = currentTask()
  same<typeof task, TaskContext | undefined>(true)
}
