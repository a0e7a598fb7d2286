import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AsyncResult, TaskEvent } from '../../src/calls/asyncResult.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onAllStores, record, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

type Event = TaskEvent<unknown, unknown>

const current = () => {
  const task = currentTask()
  if (!task) throw new Error('outside of a task')
  return task
}
/** `chunk#1 a` for a part of the first attempt, `PROGRESS 3` for a state. */
function shown(event: Event): string {
  if (event.type === 'chunk') return `chunk#${event.attempt} ${event.data}`
  if (event.type === 'log') return `log#${event.attempt} ${event.line.level} ${event.line.message}`
  return event.type === 'progress' ? `PROGRESS ${event.data}` : event.state
}
async function collect(events: AsyncIterable<Event>, told: string[] = []): Promise<string[]> {
  for await (const event of events) told.push(`${event.seq ?? '-'} ${shown(event)}`)
  return told
}
const numbered = (told: readonly string[]): string[] => told.map((text, at) => `${at + 1} ${text}`)
const unnumbered = (told: readonly string[]): string[] => told.map((text) => text.replace(/^\S+ /, ''))

onAllStores((lab, kind) => {
  it('each part once, in order, among the states, to everybody; what is emitted in one turn is one write', async () => {
    const app = lab().app()
    const { unitOfWork } = await storesOf(app)
    const sizes: number[] = []
    const emit = unitOfWork.emit.bind(unitOfWork)
    unitOfWork.emit = (output, delivery) => {
      sizes.push(output.emissions.length)
      return emit(output, delivery)
    }
    const task = app.task('task', async () => {
      const ctx = current()
      await ctx.chunk('a')
      await ctx.chunk('b')
      await ctx.progress(1)
      for (const part of ['c', 'd', 'e']) void ctx.chunk(part)
      await ctx.updateState('LAST')
      await ctx.chunk('f')
      return 'done'
    })
    const handle = await task.delay()
    const begun: string[][] = [[], []]
    const early = [collect(handle.events(), begun[0]), collect(app.result(handle.id).events({ after: 0 }), begun[1])]
    await until(() => begun.every(({ length }) => length === 1))
    await lab().work(app)
    const life = ['PENDING', 'STARTED', 'chunk#1 a', 'chunk#1 b', 'PROGRESS 1', 'chunk#1 c', 'chunk#1 d', 'chunk#1 e']
    life.push('LAST', 'chunk#1 f', 'SUCCESS')
    const [fromNow, numberedToo] = await Promise.all(early)
    expect(unnumbered(fromNow as string[])).toEqual(life)
    expect(numberedToo).toEqual(numbered(life))
    expect(await collect(handle.events({ after: 3 }))).toEqual(numbered(life).slice(3))
    expect(await collect(handle.events())).toEqual(['- SUCCESS'])
    expect(sizes).toEqual([2, 3, 1])
  })

  it('parts of a repeat come after those of the first attempt, and say so; each begins with STARTED', async () => {
    const app = lab().app()
    const task = app.task(
      'task',
      async () => {
        const ctx = current()
        for (const part of ['x', 'y']) await ctx.chunk(part)
        if (ctx.attempt === 1) throw new RangeError('once')
        return 1
      },
      { retry: { max: 1, delay: 1, jitter: 'none' } },
    )
    await lab().work(app)
    const handle = await task.delay()
    expect(await handle.get({ timeout: '20s' })).toBe(1)
    const run = (attempt: number): string[] => ['STARTED', `chunk#${attempt} x`, `chunk#${attempt} y`]
    const events = await collect(handle.events({ after: 0 }))
    expect(events).toEqual(numbered(['PENDING', ...run(1), 'RETRY', ...run(2), 'SUCCESS']))
    const infos: unknown[] = []
    for await (const event of handle.events({ after: 2 }))
      if (event.type === 'chunk') infos.push([event.attempt, event.info.retries, event.info.task, event.state])
    expect(infos).toEqual([1, 1, 2, 2].map((attempt) => [attempt, attempt - 1, 'task', 'STARTED']))
  })

  it('lines of the log only where the task says so, from its level', async () => {
    const app = lab().app()
    const say = () => {
      const { log } = current()
      log.debug({}, 'detail')
      log.info({ step: 1 }, 'word')
      log.warn({ err: new RangeError('inner'), password: 'x' }, 'trouble')
    }
    const quiet = app.task('quiet', say)
    const open = app.task('open', say, { exposeLogs: true })
    const warning = app.task('warning', say, { exposeLogs: 'warn' })
    await lab().work(app)
    const handles = await Promise.all([quiet.delay(), open.delay(), warning.delay()])
    await Promise.all(handles.map((handle) => handle.get({ timeout: '20s' })))
    const told = await Promise.all(handles.map((handle) => collect((handle as AsyncResult).events({ after: 0 }))))
    expect(told.map(unnumbered)).toEqual([
      ['PENDING', 'SUCCESS'],
      ['PENDING', 'STARTED', 'log#1 info word', 'log#1 warn trouble', 'SUCCESS'],
      ['PENDING', 'STARTED', 'log#1 warn trouble', 'SUCCESS'],
    ])
    for await (const event of (handles[2] as AsyncResult).events({ after: 2 }))
      if (event.type === 'log')
        expect(event.line.fields).toEqual({ err: { type: 'RangeError', message: 'inner' }, password: '[redacted]' })
    expect(() => app.task('wrong', say, { exposeLogs: 'loud' as 'info' })).toThrow(ArgumentError)
  })

  it.each(['json', 'msgpack'] as const)(
    'a line that cannot be carried as it is fails no task: %s',
    async (serializer) => {
      const app = lab().app({ resultSerializer: serializer, accept: ['json', 'msgpack'] })
      const task = app.task('task', () => current().log.info({ half: '\ud800' }, `a\ud800${'b'.repeat(70_000)}`), {
        exposeLogs: true,
      })
      await lab().work(app)
      const handle = await task.delay()
      await handle.get({ timeout: '20s' })
      const [, , line] = await collect(handle.events({ after: 0 }))
      expect(line).toMatch(/^3 log#1 info a\ufffdb{3998}…$/)
    },
  )

  it('a task that hands out more than a log keeps: the newest, and its state', async () => {
    const app = lab().app({ eventLog: 20 })
    const task = app.task('task', async () => {
      for (let part = 1; part <= 500; part++) await current().chunk(part)
    })
    await lab().work(app)
    const handle = await task.delay()
    await handle.get({ timeout: '20s' })
    const told = await collect(handle.events({ after: 0 }))
    expect([told[0], told.at(-2), told.at(-1)]).toEqual(['1 PENDING', '502 chunk#1 500', '503 SUCCESS'])
    expect(told.length).toBeGreaterThanOrEqual(22)
    expect(told.length).toBeLessThan(40)
  })

  it('its schema: what it makes of a part is told; one that does not fit, or cannot be checked at once, fails', async () => {
    const app = lab().app()
    const chunk = z.object({ n: z.coerce.number() })
    const define = (name: string, value: unknown, schema: typeof chunk = chunk) =>
      app.task({ name, input: z.object({}), chunk: schema, run: (_, ctx) => ctx.chunk(value as { n: number }) })
    const slow = chunk.refine(async () => true)
    const tasks = [define('fits', { n: '7' }), define('wrong', { n: 'x' }), define('slow', { n: 1 }, slow)]
    await lab().work(app)
    const handles = await Promise.all(tasks.map((task) => task.delay({})))
    const ends = await Promise.all(
      handles.map((handle) => handle.get({ timeout: '20s' }).catch((error: Error) => error.message)),
    )
    expect(ends[1]).toMatch(/^task wrong: chunk: n: /)
    expect(ends[2]).toBe('task slow: chunk: expected a schema that checks at once, got one that is asynchronous')
    for await (const event of (handles[0] as AsyncResult).events({ after: 0 }))
      if (event.type === 'chunk') expect(event.data).toEqual({ n: 7 })
  })

  it('nothing is kept without a log, of an ignored result, of a direct call', async () => {
    const app = lab().app({ eventLog: 0 })
    const part = async (): Promise<string> => {
      await current().chunk('x')
      return 'done'
    }
    const task = app.task('task', part)
    const ignored = app.task('ignored', part, { ignoreResult: true })
    expect(await task()).toBe('done')
    await lab().work(app)
    const ended = next(app, 'task:success')
    const handle = await task.delay()
    await ended
    expect(await handle.get({ timeout: '20s' })).toBe('done')
    expect(unnumbered(await collect(handle.events({ after: 0 })))).toEqual(['PENDING', 'SUCCESS'])
    const other = next(app, 'task:success')
    await ignored.delay()
    await other
  })

  // Elsewhere messages are not in the store that keeps the parts.
  if (kind === 'sqlite' || kind === 'redis')
    it('a run whose message another worker has taken is not heard any more', async () => {
      const app = lab().app()
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let runs = 0
      const task = app.task('task', async () => {
        const ctx = current()
        const run = runs++
        await ctx.chunk(`first of ${run}`)
        await gates[run]?.promise
        await ctx.chunk(`second of ${run}`)
        await ctx.progress(run)
        return run
      })
      const told = record(app)
      await lab().work(app)
      const handle = await task.delay()
      const seen = collect(handle.events({ after: 0 }))
      const { backend } = await storesOf(app)
      const keeps = (count: number) =>
        until(async () => (await backend.events?.read([{ id: handle.id, after: 0 }]))?.[0]?.last === count)
      await keeps(3)
      await takeAway(lab())
      await keeps(5)
      gates[0]?.resolve()
      await until(() => told.some(({ name }) => name === 'task:lost'))
      gates[1]?.resolve()
      expect(unnumbered(await seen)).toEqual([
        ...['PENDING', 'STARTED', 'chunk#1 first of 0', 'STARTED', 'chunk#1 first of 1'],
        ...['chunk#1 second of 1', 'PROGRESS 1', 'SUCCESS'],
      ])
    })

  if (kind === 'sqlite' || kind === 'redis')
    it('what a run reports after another was lost begins with STARTED', async () => {
      const app = lab().app()
      const gate = Promise.withResolvers<void>()
      let runs = 0
      const task = app.task('task', async () => {
        const run = runs++
        await current().progress(run)
        if (run === 0) await gate.promise
        return run
      })
      await lab().work(app)
      const handle = await task.delay()
      const { backend } = await storesOf(app)
      await until(async () => (await backend.events?.read([{ id: handle.id, after: 0 }]))?.[0]?.last === 2)
      await takeAway(lab())
      expect(await handle.get({ timeout: '20s' })).toBe(1)
      gate.resolve()
      expect(unnumbered(await collect(handle.events({ after: 0 })))).toEqual([
        ...['PENDING', 'PROGRESS 0', 'STARTED', 'PROGRESS 1', 'SUCCESS'],
      ])
    })
})

/** What a lease renewer does when a lease has run out: the message waits again. */
async function takeAway(lab: ReturnType<ReturnType<typeof useLab>>): Promise<void> {
  if (lab.kind === 'sqlite') {
    lab.database().exec('UPDATE celeriac_message SET owner = NULL')
    return
  }
  const { connectRedis } = await import('../../src/stores/redis/connection/client.ts')
  const connection = connectRedis(lab.url, { name: 'test' })
  lab.after(() => connection.close())
  const [tag, text] = (await connection.command('HGETALL', 'unacked')) as [string, string]
  await connection.command('HDEL', 'unacked', tag)
  await connection.command('ZREM', 'unacked_index', tag)
  const [envelope] = JSON.parse(text) as [{ headers: Record<string, unknown> }]
  envelope.headers.redelivered = true
  await connection.command('LPUSH', 'celery', JSON.stringify(envelope))
}

describe('eager, and over rpc:', () => {
  const lab = useLab('memory')

  it('a task that is run at once hands out to the store, too', async () => {
    const app = lab().app({ alwaysEager: true })
    const task = app.task('task', async () => {
      await current().chunk('a')
      await current().chunk('b')
    })
    expect(unnumbered(await collect((await task.delay()).events({ after: 0 })))).toEqual([
      ...['PENDING', 'chunk#1 a', 'chunk#1 b', 'SUCCESS'],
    ])
  })

  it('results that are sent instead of kept: the parts are dropped', async () => {
    const app = lab().app({ backend: 'rpc://' })
    const task = app.task('task', async () => {
      for (let part = 0; part < 2000; part++) await current().chunk(part)
      return 'done'
    })
    await lab().work(app)
    const handle = await task.delay()
    expect(await handle.get()).toBe('done')
  })
})

describe('in threads', () => {
  const lab = useLab('sqlite')
  const module = new URL('../worker/pool/tasks.ts', import.meta.url).href

  it('parts of a thread come as they do of the worker itself, and their bounds hold', async () => {
    const { app: tasks } = (await import('../worker/pool/tasks.ts')) as typeof import('../worker/pool/tasks.ts')
    const app = lab().app()
    for (const { name, definition } of tasks.tasks.values())
      app.task(name, definition.run as () => unknown, { exposeLogs: definition.options.exposeLogs })
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const handle = await app.send<number>('parts', [300, 3000])
    const parts: number[] = []
    for await (const event of handle.events({ after: 0, timeout: '20s' }))
      if (event.type === 'chunk') parts.push(Number(String(event.data).split(' ')[0]))
    expect(parts).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
    const flood = await app.send('flood')
    await expect(flood.get({ timeout: '20s' })).rejects.toThrow('await each')
    const words = await app.send('words')
    await words.get({ timeout: '20s' })
    expect(unnumbered(await collect(words.events({ after: 0 })))).toContain('log#1 info a word')
  })
})
