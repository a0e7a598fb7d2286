import { describe, expect, it } from 'vitest'
import { currentTask } from '../../src/tasks/current.ts'
import { Worker } from '../../src/worker/worker.ts'
import { next, onEachStore, record, until, useLab } from '../app/lab.ts'
import { lateness } from '../lateness.ts'
import { define } from './modules/tasks.ts'

onEachStore((lab) => {
  it('waits for what runs, takes nothing more, and is harmless twice', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<string>()
    const task = app.task('task', () => gate.promise)
    const worker = await lab().work(app, { concurrency: 2 })
    const prerun = Promise.all([next(app, 'task:prerun'), until(() => worker.busy === 2)])
    const handles = await task.delayMany([[], [], [], []])
    await prerun
    let stopped = false
    const stopping = Promise.all([worker.stop(), worker.stop()]).then(() => {
      stopped = true
    })
    await until(async () => (await app.queueSize()) === 2)
    const told = record(app)
    const late = await task.delay()
    expect(stopped).toBe(false)
    gate.resolve('done')
    await stopping
    expect(told.filter(({ name }) => name === 'task:success')).toHaveLength(2)
    expect(await Promise.all([handles[0], handles[1]].map((handle) => handle?.get()))).toEqual(['done', 'done'])
    expect(await app.queueSize()).toBe(3)
    expect(await late.state()).toBe('PENDING')
    await worker.stop()
    expect(told.filter(({ name }) => name === 'worker:shutdown')).toHaveLength(0)
    await lab().work(app)
    expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual(Array(4).fill('done'))
  })

  it('after the grace period tells what runs to stop; what does not is given back, to be run by another', async () => {
    const app = define(lab().app())
    const told = record(app)
    const runs: (boolean | undefined)[] = []
    const gate = Promise.withResolvers<void>()
    const stubborn = app.task('stubborn', async () => {
      runs.push(currentTask()?.redelivered)
      if (runs.length === 1) await gate.promise
      return 'done by the second'
    })
    const worker = await lab().work(app)
    const obeying = await app.send('obey')
    const tidying = await app.send('tidy', [20])
    const handle = await stubborn.delay()
    for (const one of [obeying, tidying]) await until(async () => (await one.state()) === 'WAITING')
    await until(() => runs.length === 1)
    await worker.stop({ grace: 10, reason: 'SIGTERM' })
    expect(await tidying.get()).toBe('tidied')
    expect(await app.queueSize()).toBe(2)
    const returned = told.flatMap(({ name, event }) => (name === 'task:returned' ? [(event as { id: string }).id] : []))
    expect(returned.toSorted()).toEqual([obeying.id, handle.id].toSorted())
    await lab().work(app)
    expect(await handle.get()).toBe('done by the second')
    expect(runs).toEqual([false, true])
    gate.resolve()
  })

  it('quiet: it takes nothing more and goes on with what runs, until it is stopped; a new start takes again', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<string>()
    const task = app.task('task', () => gate.promise)
    const worker = await lab().work(app, { concurrency: 1 })
    const prerun = next(app, 'task:prerun')
    const running = await task.delay()
    await prerun
    const quieting = Promise.all([worker.quiet(), worker.quiet()])
    expect(worker.health).toEqual({ ready: false, live: true, reason: 'it takes no more tasks' })
    await quieting
    const waiting = await task.delay()
    gate.resolve('done')
    expect(await running.get()).toBe('done')
    await until(async () => worker.busy === 0 && (await app.queueSize()) === 1)
    await worker.stop()
    await worker.quiet()
    await worker.start()
    expect(await waiting.get()).toBe('done')
    expect(worker.health).toEqual({ ready: true, live: true })
  })

  it('a second stop without grace ends the first at once', async () => {
    const app = define(lab().app())
    const worker = await lab().work(app)
    const handles = [await app.send('deaf', [60_000]), await app.send('deaf', [60_000])]
    for (const handle of handles) await until(async () => (await handle.state()) === 'WAITING')
    const first = worker.stop({ grace: '1h' })
    await until(async () => (await app.queueSize()) === 0)
    const start = performance.now()
    await worker.stop({ grace: 0 })
    await first
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(await app.queueSize()).toBe(2)
  })

  it('start twice is one start; stop without start is harmless', async () => {
    const app = lab().app()
    const told = record(app)
    const worker = await lab().work(app)
    await worker.start()
    expect(told.filter(({ name }) => name === 'worker:ready')).toHaveLength(1)
    const add = app.task('add', (x: number) => x)
    expect(await add.delay(1).get()).toBe(1)
    expect(worker.problem).toBeUndefined()
    await new Worker(app).stop()
  })

  it('stop while it starts: it has stopped', async () => {
    const app = lab().app()
    const worker = new Worker(app)
    const starting = worker.start()
    await worker.stop()
    await starting
    const add = app.task('add', (x: number) => x)
    const handle = await add.delay(1)
    expect(await app.queueSize()).toBe(1)
    await lab().work(app)
    expect(await handle.get()).toBe(1)
  })

  it('two workers share the work, and one goes on when the other ends', async () => {
    const app = lab().app()
    const hosts = new Set<string | undefined>()
    const task = app.task('task', async (n: number) => {
      hosts.add(currentTask()?.hostname)
      await new Promise((resolve) => setTimeout(resolve, 2))
      return n
    })
    const one = await lab().work(app, { hostname: 'one@x', concurrency: 2 })
    await lab().work(app, { hostname: 'two@x', concurrency: 2 })
    const handles = await task.delayMany(Array.from({ length: 100 }, (_, n) => [n]))
    await until(() => hosts.size === 2)
    await one.stop()
    expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })
})

describe('threads', () => {
  const lab = useLab('sqlite')
  const module = new URL('./modules/tasks.ts', import.meta.url).href

  it('a hard time limit ends a CPU loop, within a second; its thread is replaced', async () => {
    const app = define(lab().app())
    const told = record(app)
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const prerun = next(app, 'task:prerun')
    const handle = await app.send('spin', [], { timeLimit: 300, softTimeLimit: 100 })
    await prerun
    const late = lateness()
    const start = performance.now()
    await expect(handle.get()).rejects.toMatchObject({ type: 'TimeLimitExceeded', message: 'the time limit is over' })
    const elapsed = performance.now() - start
    expect(elapsed).toBeGreaterThan(250)
    expect(elapsed).toBeLessThan(1300 + 2 * late())
    expect(await handle.state()).toBe('FAILURE')
    expect(told.flatMap(({ name, event }) => (name === 'task:failure' ? [event] : []))).toMatchObject([
      { id: handle.id, error: { type: 'TimeLimitExceeded' } },
    ])
    expect(await app.send('add', [1, 2]).get()).toBe(3)
  })

  it('a soft limit ends a loop that says how far it is; a thread that dies fails its task', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const polite = await app.send('polite', [], { softTimeLimit: 150 })
    await expect(polite.get()).rejects.toMatchObject({ type: 'SoftTimeLimitExceeded' })
    await expect(app.send('exit').get()).rejects.toMatchObject({ type: 'WorkerLostError' })
    expect(await app.send('add', [1, 2]).get()).toBe(3)
  })

  it('stop ends a CPU loop, and gives it back', async () => {
    const app = define(lab().app())
    const worker = await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const handle = await app.send('spin')
    await until(async () => (await handle.state()) === 'SPINNING')
    await worker.stop({ grace: 0 })
    expect(await app.queueSize()).toBe(1)
    await handle.revoke()
    await expect(handle.get()).rejects.toMatchObject({ message: 'revoked' })
  })
})
