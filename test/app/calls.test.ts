import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { CeleriacError, TaskError, TaskRevokedError, TimeoutError, UnknownJobError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { pause } from '../../src/testing/kit.ts'
import { next, onAllStores, record, until, useLab } from './lab.ts'

onAllStores((lab) => {
  it('delay, applyAsync and a worker: the result, and all that is known of the task', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number) => x + y)
    const before = Date.now()
    const handle = await add.delay(1, 2)
    expect(handle.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect('then' in handle).toBe(false)
    expect(await handle.state()).toBe('PENDING')
    // Celeriac's word and Celery's other one.
    expect(await handle.status()).toBe('PENDING')
    expect([await handle.ready(), await handle.successful(), await handle.failed()]).toEqual([false, false, false])
    expect(await handle.info()).toMatchObject({ id: handle.id, task: 'add', queue: 'celery', result: undefined })
    const worker = await lab().work(app)
    expect(await handle.get()).toBe(3)
    expect([await handle.ready(), await handle.successful(), await handle.failed()]).toEqual([true, true, false])
    const info = await handle.info()
    expect(info).toMatchObject({ state: 'SUCCESS', result: 3, worker: worker.hostname, retries: 0, error: undefined })
    const times = [info?.submittedAt, info?.startedAt, info?.finishedAt].map((time) => time?.getTime() ?? 0)
    expect(times.toSorted((a, b) => a - b)).toEqual(times)
    expect(times[0]).toBeGreaterThanOrEqual(before)
    expect(await add.applyAsync([3, 4]).get()).toBe(7)
    expect(await app.result(handle.id).get()).toBe(3)
  })

  it('a failure: TaskError with type, message and traceback', async () => {
    const app = lab().app()
    const fail = app.task('fail', (message: string) => {
      throw new RangeError(message, { cause: new Error('below') })
    })
    await lab().work(app)
    const handle = await fail.delay('too far')
    const error = (await handle.get().catch((caught: unknown) => caught)) as TaskError
    expect(error).toBeInstanceOf(TaskError)
    expect(error).toMatchObject({ taskId: handle.id, type: 'RangeError', message: 'too far', code: 'TASK_FAILED' })
    expect(error.traceback).toMatch(/RangeError: too far[\s\S]+calls\.test\.ts[\s\S]+Caused by: Error: below/)
    expect([await handle.ready(), await handle.successful(), await handle.failed()]).toEqual([true, false, true])
    expect((await handle.info())?.error).toMatchObject({ type: 'RangeError', message: 'too far' })
  })

  it('an object task: what the schema makes of the input, on the worker; the output as its schema makes it', async () => {
    const app = lab().app()
    const seen: unknown[] = []
    const render = app.task({
      name: 'render',
      input: z.object({ page: z.coerce.number(), title: z.string().default('untitled') }),
      output: z.object({ pages: z.string().transform(Number) }),
      run(input, ctx) {
        seen.push(input, ctx.id)
        return { pages: String(input.page) }
      },
    })
    await lab().work(app)
    const handle = await render.delay({ page: '4' })
    expect(await handle.get()).toEqual({ pages: 4 })
    expect(seen).toEqual([{ page: 4, title: 'untitled' }, handle.id])
    // From elsewhere, as keyword arguments, or as one positional object.
    expect(await app.send('render', { page: 5 }).get()).toEqual({ pages: 5 })
    expect(await app.send('render', [{ page: 6 }]).get()).toEqual({ pages: 6 })
  })

  it('checks the input in the worker too, and a wrong output: no retry of the first', async () => {
    const app = lab().app()
    const { object, number, string } = z
    app.task({ name: 'square', input: object({ n: number() }), retry: 2, run: ({ n }) => n * n })
    app.task({ name: 'liar', input: object({}), output: string(), run: () => 5 as never })
    app.task('positional', (x: number) => x)
    await lab().work(app)
    const wrong = await app.send('square', { n: 'two' })
    await expect(wrong.get()).rejects.toMatchObject({ message: expect.stringMatching(/^task square: n: .*number/) })
    expect((await wrong.info())?.retries).toBe(0)
    await expect(app.send('square', [1, 2]).get()).rejects.toThrow(/takes 1 positional argument but 2 were given/)
    await expect(app.send('liar', {}).get()).rejects.toMatchObject({
      type: 'ValidationError',
      message: expect.stringMatching(/^task liar: result: /),
    })
    await expect(app.send('positional', { z: 1 }).get()).rejects.toThrow(/unexpected keyword argument 'z'/)
  })

  it('delayMany: all or none, in order', async () => {
    const app = lab().app()
    const double = app.task('double', (x: number) => 2 * x)
    const handles = await double.delayMany(Array.from({ length: 300 }, (_, index) => [index]))
    expect(await app.queueSize()).toBe(300)
    await lab().work(app)
    const results = await Promise.all(handles.map((handle) => handle.get()))
    expect(results).toEqual(Array.from({ length: 300 }, (_, index) => 2 * index))
    expect(await double.delayMany([])).toEqual([])
  })

  it('an id that nobody submitted is unknown, not pending', async () => {
    const nobody = lab().app().result('nobody')
    expect(await nobody.state()).toBe('UNKNOWN')
    expect(await nobody.info()).toBeUndefined()
    expect(await nobody.ready()).toBe(false)
    // On Redis others may have submitted it without a record: it is waited for.
    if (lab().kind === 'redis') {
      await expect(nobody.get({ timeout: 50 })).rejects.toThrow(TimeoutError)
      return
    }
    await expect(nobody.get()).rejects.toThrow(UnknownJobError)
    await expect(nobody.get({ timeout: 0 })).rejects.toThrow('no task with id nobody was submitted here')
    await expect(nobody.events().next()).rejects.toThrow(UnknownJobError)
  })

  it('forget ends the waits of this process', async () => {
    const app = lab().app()
    const handle = await app.send('nobody')
    const wait = handle.get()
    await Promise.all([expect(wait).rejects.toThrow(UnknownJobError), handle.forget()])
  })

  it('the limits of a task hold also when it is sent by its name alone', async () => {
    const app = lab().app()
    const until = (ctx: TaskContext | undefined) =>
      new Promise((_, reject) => ctx?.signal.addEventListener('abort', () => reject(ctx.signal.reason)))
    app.task('slow', () => until(currentTask()), { softTimeLimit: 50 })
    const sender = new App({ broker: lab().url, backend: lab().backend, logger: createLogger('silent') })
    lab().after(() => sender.close())
    const caller = lab().kind === 'memory' ? app : sender
    await lab().work(app)
    const { id } = await caller.send('slow')
    await expect(app.result(id).get()).rejects.toMatchObject({ type: 'SoftTimeLimitExceeded' })
  })

  it('forget drops the record', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number) => x)
    await lab().work(app)
    const handle = await add.delay(1)
    await handle.get()
    await handle.forget()
    expect(await handle.state()).toBe('UNKNOWN')
    const gone = lab().kind === 'redis' ? TimeoutError : UnknownJobError
    await expect(handle.get({ timeout: 100 })).rejects.toThrow(gone)
  })

  it('an idempotency key sends once, however many ask at once, and gives all the same handle', async () => {
    const app = lab().app()
    let runs = 0
    const charge = app.task('charge', (amount: number) => [++runs, amount])
    const other = app.task('other', () => ++runs)
    const told = record(app)
    const calls = Array.from({ length: 20 }, (_, index) => charge.applyAsync([index], { idempotencyKey: 'order 7' }))
    const handles = await Promise.all(calls)
    expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
    expect(await app.queueSize()).toBe(1)
    expect(told.filter(({ name }) => name === 'task:after-publish')).toHaveLength(1)
    await lab().work(app)
    expect(await handles[19]?.get()).toEqual([1, 0])
    const again = await charge.applyAsync([5], { idempotencyKey: 'order 7' })
    expect(await again.get()).toEqual([1, 0])
    expect(await charge.applyAsync([5], { idempotencyKey: 'order 8' }).get()).toEqual([2, 5])
    expect(await other.applyAsync([], { idempotencyKey: 'order 7' }).get()).toBe(3)
  })

  it('a chosen id, headers and names reach the task', async () => {
    const app = lab().app()
    const look = app.task('look', () => {
      const { id, task, queue, attempt, headers, parentId, rootId, hostname, redelivered } = currentTask()!
      return { id, task, queue, attempt, headers, parent: parentId ?? null, rootId, hostname, redelivered }
    })
    await lab().work(app, { hostname: 'w@here' })
    const headers = { tenant: 'acme', trace: { id: 1, flags: [true, null] } }
    const handle = await look.applyAsync([], { taskId: 'order/7 ü', headers })
    expect(handle.id).toBe('order/7 ü')
    expect(await handle.get()).toEqual({
      id: 'order/7 ü',
      task: 'look',
      queue: 'celery',
      attempt: 1,
      headers,
      parent: null,
      rootId: 'order/7 ü',
      hostname: 'w@here',
      redelivered: false,
    })
  })

  it('countdown and eta: not before, and kept in the store over a restart of the worker', async () => {
    const app = lab().app()
    const when = app.task('when', () => Date.now())
    const first = await lab().work(app)
    // First, as a store may have much to make ready for it.
    const far = await when.applyAsync([], { countdown: '30d' })
    const start = Date.now()
    const eta = new Date(start + 600)
    const later = await when.applyAsync([], { eta })
    const soon = await when.applyAsync([], { countdown: '250ms' })
    // On Redis the worker takes them out of the queue, and keeps them in the store.
    await until(async () => (await app.queueSize()) === 0)
    expect(await soon.get()).toBeGreaterThanOrEqual(start + 250)
    expect(await later.state()).toBe('PENDING')
    await first.stop()
    await lab().work(app)
    expect(await later.get()).toBeGreaterThanOrEqual(eta.getTime())
    expect(await far.state()).toBe('PENDING')
  })

  it('expires: REVOKED instead of run too late', async () => {
    const app = lab().app()
    let runs = 0
    const count = app.task('count', () => ++runs)
    const brief = app.task('brief', () => ++runs, { expires: 1 })
    const past = await count.applyAsync([], { expires: new Date(Date.now() - 1) })
    const short = await count.applyAsync([], { expires: '5ms' })
    const own = await brief.delay()
    const long = await count.applyAsync([], { expires: '1h' })
    const early = await count.applyAsync([], { expires: '20ms', countdown: '100ms' })
    const sent = Date.now()
    await until(() => Date.now() > sent + 5)
    const told = record(app)
    await lab().work(app, { hostname: 'w@here' })
    for (const handle of [past, short, own, early]) {
      const error = await handle.get().catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(TaskRevokedError)
      expect(error).toMatchObject({ taskId: handle.id, message: 'expired' })
      expect(await handle.state()).toBe('REVOKED')
    }
    expect(await long.get()).toBe(1)
    const base = { task: 'count', queue: 'celery', retries: 0, hostname: 'w@here' }
    const revoked = (): unknown[] => told.flatMap(({ name, event }) => (name === 'task:revoked' ? [event] : []))
    await until(() => revoked().length === 4)
    expect(revoked()).toContainEqual({ ...base, id: past.id, reason: 'expired' })
  })

  it('priority: the highest first (on Redis the lowest, as Celery has it), then in order', async () => {
    const app = lab().app({ queues: { celery: { maxPriority: 10 } } })
    const ran: string[] = []
    const note = app.task('note', (name: string) => void ran.push(name), { priority: 5 })
    await note.delay('own 1')
    await note.applyAsync(['low'], { priority: 0 })
    await note.applyAsync(['high'], { priority: 255 })
    const last = await note.delay('own 2')
    await app.send('note', ['by name'])
    await lab().work(app, { pool: 'solo' })
    await last.get()
    await until(() => ran.length === 5)
    const [first, last5] = lab().kind === 'redis' ? ['low', 'high'] : ['high', 'low']
    expect(ran).toEqual([first, 'own 1', 'own 2', 'by name', last5])
  })

  it('queues: by call, task, routes, default; each worker takes its own', async () => {
    const routes = { 'video.*': 'media', '*.image.*': 'media', 'a.b': 'ab', '*': 'rest' }
    const app = lab().app({ routes })
    const where = (name: string, queue?: string) => app.task(name, () => currentTask()?.queue, { queue })
    const tasks = {
      video: where('video.cut'),
      image: where('my.image.crop'),
      exact: where('a.b'),
      notExact: where('aXb'),
      own: where('video.own', 'mine'),
    }
    await lab().work(app, { queues: ['media', 'ab', 'rest', 'mine', 'asked'] })
    expect(await tasks.video.delay().get()).toBe('media')
    expect(await tasks.image.delay().get()).toBe('media')
    expect(await tasks.exact.delay().get()).toBe('ab')
    expect(await tasks.notExact.delay().get()).toBe('rest')
    expect(await tasks.own.delay().get()).toBe('mine')
    expect(await tasks.own.applyAsync([], { queue: 'asked' }).get()).toBe('asked')
    const nobody = await tasks.own.applyAsync([], { queue: 'nobody' })
    expect([await nobody.state(), await app.queueSize('nobody')]).toEqual(['PENDING', 1])
    const delayed = await tasks.own.applyAsync([], { queue: 'nobody', countdown: '1h' })
    expect(await app.purge('nobody')).toBe(2)
    expect(await app.queueSize('nobody')).toBe(0)
    expect([await nobody.state(), await delayed.state()]).toEqual(['REVOKED', 'REVOKED'])
    await expect(nobody.get()).rejects.toThrow(TaskRevokedError)
  })

  it('routes as a function, and a default queue of the app', async () => {
    const app = lab().app({ routes: (task) => (task.length > 3 ? 'long' : undefined), queue: 'other' })
    app.task('abc', () => 1)
    app.task('abcd', () => 1)
    await app.send('abc')
    await app.send('abcd')
    expect([await app.queueSize(), await app.queueSize('other'), await app.queueSize('long')]).toEqual([1, 1, 1])
  })

  it('ignoreResult: no record, and nothing to wait for', async () => {
    const app = lab().app()
    const quiet = app.task('quiet', () => 1, { ignoreResult: true })
    const loud = app.task('loud', () => currentTask()?.progress(1))
    const done = next(app, 'task:success')
    await lab().work(app)
    const handle = await quiet.delay()
    await expect(handle.get()).rejects.toThrow(CeleriacError)
    await expect(handle.get()).rejects.toMatchObject({ code: 'RESULT_IGNORED' })
    await expect(handle.events().next()).rejects.toMatchObject({ code: 'RESULT_IGNORED' })
    expect((await done).id).toBe(handle.id)
    expect(await handle.state()).toBe('UNKNOWN')
    const again = next(app, 'task:success')
    const one = await loud.applyAsync([], { ignoreResult: true })
    expect((await again).id).toBe(one.id)
    expect(await app.result(one.id).state()).toBe('UNKNOWN')
    if (lab().kind !== 'redis') expect((await app.jobs()).jobs).toEqual([])
    // The call may also ask for what its task ignores.
    expect(await quiet.applyAsync([], { ignoreResult: false }).get()).toBe(1)
  })

  it('get waits until its timeout or signal, and leaves the task alone', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<string>()
    const wait = app.task('wait', () => gate.promise)
    const handle = await wait.delay()
    const error = await handle.get({ timeout: 20 }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ code: 'TIMEOUT', message: `task ${handle.id} was not ready within 20 ms` })
    await lab().work(app)
    await expect(handle.get({ timeout: '10ms' })).rejects.toThrow(TimeoutError)
    const stop = new AbortController()
    const waiting = handle.get({ signal: stop.signal })
    stop.abort(new Error('had enough'))
    await expect(waiting).rejects.toThrow('had enough')
    await expect(handle.get({ signal: stop.signal })).rejects.toThrow('had enough')
    await expect(handle.get({ timeout: 'soon' })).rejects.toThrow(/timeout: expected milliseconds/)
    // Longer than Node's timers go.
    const patient = handle.get({ timeout: '30d' })
    gate.resolve('done')
    expect(await patient).toBe('done')
  })

  it('tasks that a task sends know their parent and root', async () => {
    const app = lab().app()
    const look = app.task('look', () => ({ parent: currentTask()?.parentId, root: currentTask()?.rootId }))
    const middle = app.task('middle', async () => (await look.delay()).get())
    const direct = app.task('direct', async () => await middle())
    const top = app.task('top', async () => (await middle.delay()).id)
    await lab().work(app)
    const handle = await top.delay()
    const middleId = await handle.get()
    expect(await app.result(middleId).get()).toEqual({ parent: middleId, root: handle.id })
    // Through a direct call: the task around it is the parent.
    const around = await direct.delay()
    expect(await around.get()).toEqual({ parent: around.id, root: around.id })
    // From a direct call outside of any task: nobody is.
    expect(await middle()).toEqual({ parent: undefined, root: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  })

  it('lists jobs, newest first, by page and filter', async () => {
    const app = lab().app()
    const one = app.task('one', (n: number) => n)
    const two = app.task('two', () => 2)
    // On Redis only those of which something is said are listed, in the order of their moments.
    const isRedis = lab().kind === 'redis'
    const listed = isRedis ? { tags: [] } : {}
    for (let n = 0; n < 3; n++) {
      await one.applyAsync([n], listed)
      if (isRedis) await one.delay(n)
      await pause(2)
    }
    const last = await two.applyAsync([], listed)
    await lab().work(app)
    await until(async () => (await app.jobs({ state: 'SUCCESS' })).jobs.length === 4)
    const page = await app.jobs({ limit: 3 })
    expect(page.jobs.map(({ result }) => result)).toEqual([2, 2, 1])
    expect(page.jobs[0]).toMatchObject({ id: last.id, task: 'two', state: 'SUCCESS' })
    const rest = await app.jobs({ limit: 3, cursor: page.cursor })
    expect([rest.jobs.map(({ result }) => result), rest.cursor]).toEqual([[0], undefined])
    expect((await app.jobs({ task: 'two' })).jobs).toHaveLength(1)
  })
})

describe('a direct call', () => {
  const lab = useLab('memory')

  it('runs the function here: a sync one at once, an object task through its schemas', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number) => x + y)
    expect(add(1, 2)).toBe(3)
    expect(add.name).toBe('add')
    expect(app.tasks.get('add')).toBe(add)
    const render = app.task({
      name: 'render',
      input: z.object({ page: z.number().default(1) }),
      output: z.number().transform(String),
      run: async ({ page }, ctx) => {
        await ctx.progress(page)
        return page + ctx.attempt
      },
    })
    expect(await render({})).toBe('2')
    await expect(render({ page: 'x' as never })).rejects.toThrow(/task render: page/)
    const fail = app.task('fail', () => {
      throw new RangeError('here')
    })
    expect(() => fail()).toThrow(RangeError)
    expect(await app.queueSize()).toBe(0)
  })
})
