import { expect, it } from 'vitest'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onSqliteOrEachStore, useLab } from './lab.ts'

onSqliteOrEachStore((lab) => {
  it('a resource is made once for all tasks, when it is first needed, and disposed of with the worker', async () => {
    const app = lab().app()
    const notes: string[] = []
    const gate = Promise.withResolvers<void>()
    const db = app.provide('db', {
      create: async () => {
        notes.push(`make in ${currentTask()?.task}`)
        await gate.promise
        return { rows: 3 }
      },
      dispose: ({ rows }) => notes.push(`dispose ${rows}`),
    })
    const count = app.task('count', async () => (await currentTask()?.get(db))?.rows)
    const worker = await lab().work(app)
    expect(notes).toEqual([])
    const begun = next(app, 'task:prerun')
    const handles = await count.delayMany([[], [], []])
    await begun
    gate.resolve()
    expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual([3, 3, 3])
    expect(notes).toEqual(['make in undefined'])
    await worker.stop()
    expect(notes).toEqual(['make in undefined', 'dispose 3'])
    await worker.start()
    expect(await count.delay().get()).toBe(3)
    expect(notes).toHaveLength(3)
  })
})

const lab = useLab('memory')

it('what its creation throws fails the task that needed it, and the next tries again', async () => {
  const app = lab().app()
  let tries = 0
  const db = app.provide('db', {
    create: () => {
      tries++
      if (tries === 1) throw new RangeError('no room')
      return tries
    },
  })
  const task = app.task('task', () => currentTask()?.get(db))
  await lab().work(app)
  await expect(task.delay().get()).rejects.toMatchObject({ type: 'RangeError', message: 'no room' })
  expect(await task.delay().get()).toBe(2)
  expect(await task.delay().get()).toBe(2)
})

it('disposed of in reverse order, one after the other, each within its limit; errors are logged', async () => {
  const lines: { msg: string; err?: { message: string } }[] = []
  const logger = createLogger('info', { write: (line) => lines.push(JSON.parse(line)) })
  const app = lab().app({ logger })
  const notes: string[] = []
  const resource = (name: string, end: () => unknown, needs?: { get(): Promise<unknown> }) =>
    app.provide(name, {
      create: async () => {
        await needs?.get()
        return name
      },
      dispose: async (value) => {
        notes.push(`${value} begins`)
        await end()
        notes.push(`${value} ended`)
      },
      timeout: 20,
    })
  const pool = resource('pool', () => undefined)
  const failing = resource('failing', () => Promise.reject(new Error('cannot')), { get: () => app.get(pool) })
  const stuck = resource('stuck', () => new Promise(() => undefined), { get: () => app.get(failing) })
  const unused = resource('unused', () => undefined)
  expect(await app.get(stuck)).toBe('stuck')
  await app.close()
  expect(notes).toEqual(['stuck begins', 'failing begins', 'pool begins', 'pool ended'])
  expect(lines.map(({ msg, err }) => [msg, err?.message])).toEqual([
    ['resource stuck could not be disposed of', 'it did not end within 20 ms'],
    ['resource failing could not be disposed of', 'cannot'],
  ])
  await app.close()
  expect(notes).toHaveLength(4)
  expect(await app.get(unused)).toBe('unused')
})

it('a direct call and the eager mode have it, until the app is closed', async () => {
  const ends: string[] = []
  for (const alwaysEager of [false, true]) {
    const app = lab().app({ alwaysEager })
    const db = app.provide('db', { create: () => ({ name: 'db' }), dispose: ({ name }) => ends.push(name) })
    const task = app.task('task', async () => (await currentTask()?.get(db))?.name)
    expect(await (alwaysEager ? task.delay().get() : task())).toBe('db')
    await app.close()
  }
  expect(ends).toEqual(['db', 'db'])
})

it('what is still being made when the app is closed is disposed of, and its caller fails', async () => {
  const app = lab().app()
  const gate = Promise.withResolvers<string>()
  const ends: string[] = []
  const db = app.provide('db', { create: () => gate.promise, dispose: (value) => ends.push(value) })
  const getting = app.get(db)
  await app.close()
  gate.resolve('late')
  await expect(getting).rejects.toMatchObject({ code: 'SHUTDOWN' })
  expect(ends).toEqual(['late'])
})

it('two workers of one app share it until both have stopped', async () => {
  const app = lab().app()
  let disposed = 0
  const db = app.provide('db', { create: () => 1, dispose: () => disposed++ })
  const one = await lab().work(app, { hostname: 'one@x' })
  const two = await lab().work(app, { hostname: 'two@x' })
  await app.get(db)
  await one.stop()
  expect(disposed).toBe(0)
  await two.stop()
  expect(disposed).toBe(1)
})

it('wrong uses name what was expected', async () => {
  const app = lab().app()
  const db = app.provide('db', { create: () => 1 })
  expect(() => app.provide('db', { create: () => 1 })).toThrow('provide: resource db is provided already in this app')
  expect(() => app.provide('', { create: () => 1 })).toThrow('resource name: expected 1 to 255 printable characters')
  expect(() => app.provide('a', {} as never)).toThrow('resource a: create: expected a function, got undefined')
  expect(() => app.provide('a', { create: () => 1, dispose: 5 as never })).toThrow(
    'resource a: dispose: expected a function, got 5',
  )
  expect(() => app.provide('a', { create: () => 1, timeout: 'soon' as never })).toThrow('resource a: timeout')
  expect(() => app.provide('a', { create: () => 1, end: 1 } as never)).toThrow('resource a: unknown option end')
  await expect(app.get('db' as never)).rejects.toThrow('get: expected a resource that this app provides, got "db"')
  await expect(lab().app().get(db)).rejects.toThrow('get: expected a resource that this app provides')
})

it('resources that need each other are refused, whichever is asked for first', async () => {
  const app = lab().app()
  const one: { key?: ReturnType<typeof two> } = {}
  const two = () => app.provide('two', { create: (): Promise<unknown> => app.get(first) })
  const first = app.provide('one', { create: (): Promise<unknown> => app.get(one.key as never) })
  one.key = two()
  const both = await Promise.allSettled([app.get(first), app.get(one.key)])
  expect(both.map((end) => (end as PromiseRejectedResult).reason.message)).toEqual(
    Array(2).fill(expect.stringMatching(/^get: resources (one and two|two and one) need each other$/)),
  )
})
