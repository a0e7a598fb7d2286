import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Signals } from '../../src/app/signals.ts'
import { Ignore, Reject } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onFewStores, record, type Told, until } from './lab.ts'
import { storesOf } from './stores.ts'

function names(told: readonly Told[]): string[] {
  return told.map(({ name }) => name)
}

function facts<Name extends keyof Signals>(told: readonly Told[], wanted: Name): Signals[Name][] {
  return told.flatMap(({ name, event }) => (name === wanted ? [event as Signals[Name]] : []))
}

onFewStores((lab) => {
  it('tells the life of a task that succeeds, in order', async () => {
    const app = lab().app()
    const told = record(app)
    const add = app.task('add', (x: number, y: number) => x + y)
    const handle = await add.delay(1, 2)
    const done = next(app, 'task:success')
    const worker = await lab().work(app, { hostname: 'w@here' })
    await done
    await worker.stop({ reason: 'enough' })
    expect(names(told)).toEqual([
      'task:before-publish',
      'task:after-publish',
      'worker:ready',
      'task:received',
      'task:prerun',
      'task:postrun',
      'task:success',
      'worker:shutdown',
    ])
    const base = { id: handle.id, task: 'add', queue: 'celery', retries: 0 }
    const own = { ...base, hostname: 'w@here' }
    for (const name of ['task:before-publish', 'task:after-publish'] as const) expect(facts(told, name)).toEqual([base])
    expect(facts(told, 'task:received')).toEqual([{ ...own, lost: 0 }])
    const runtime = expect.any(Number) as number
    expect(facts(told, 'task:prerun')).toEqual([{ ...own, waited: runtime }])
    expect(facts(told, 'task:postrun')).toEqual([{ ...own, runtime }])
    expect(facts(told, 'task:success')).toEqual([{ ...own, runtime, result: 3 }])
    expect(facts(told, 'worker:ready')).toEqual([{ hostname: 'w@here' }])
    expect(facts(told, 'worker:shutdown')).toEqual([{ hostname: 'w@here', reason: 'enough' }])
  })

  it('tells success when it is stored: whoever hears it can read it', async () => {
    const app = lab().app()
    const states: string[] = []
    const task = app.task('task', () => 1)
    app.on('task:success', async ({ id }) => states.push(await app.result(id).state()))
    await lab().work(app)
    await task.delay()
    await until(() => states.length === 1)
    expect(states).toEqual(['SUCCESS'])
  })

  it('tells retries and the failure that ends them', async () => {
    const app = lab().app()
    const told = record(app)
    const fail = app.task('fail', () => Promise.reject(new RangeError(`attempt ${currentTask()?.attempt}`)), {
      retry: { max: 1, delay: 30, jitter: 'none' },
    })
    const failed = next(app, 'task:failure')
    await lab().work(app)
    const { id } = await fail.delay()
    await failed
    // The message of the second run is out before the first run says so.
    await until(() => facts(told, 'task:retry').length === 1)
    const [retry] = facts(told, 'task:retry')
    expect(retry).toMatchObject({ id, retries: 0, delay: 30, error: { type: 'RangeError', message: 'attempt 1' } })
    const [failure] = facts(told, 'task:failure')
    expect(failure).toMatchObject({ id, retries: 1, error: { type: 'RangeError', message: 'attempt 2' } })
    expect(failure?.runtime).toBeGreaterThanOrEqual(0)
    expect(facts(told, 'task:received').map(({ retries }) => retries)).toEqual([0, 1])
  })

  it('tells revoked, rejected, unknown and undecodable; nothing of an ignored one', async () => {
    const app = lab().app()
    const told = record(app)
    const other = lab().app()
    const mine = app.task('mine', () => Promise.reject(new Reject('not mine')))
    const ignored = app.task('ignored', () => Promise.reject(new Ignore()))
    const late = await mine.applyAsync([], { expires: new Date(0) })
    const rejected = await mine.delay()
    const silent = await ignored.delay()
    const unknown = await app.send('nobody')
    const { broker } = await storesOf(app)
    const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
    await broker.publish({ headers: {}, properties, body: '{' }, { exchange: '', routingKey: 'celery' })
    await lab().work(app)
    await until(() => facts(told, 'task:postrun').length === 2 && facts(told, 'task:undecodable').length === 1)
    await until(() => facts(told, 'task:rejected').length === 1 && facts(told, 'task:unknown').length === 1)
    const base = { queue: 'celery', retries: 0, hostname: expect.any(String) as string }
    expect(facts(told, 'task:revoked')).toEqual([{ ...base, id: late.id, task: 'mine', reason: 'expired' }])
    const reason = { requeue: false, reason: 'not mine' }
    expect(facts(told, 'task:rejected')).toEqual([{ ...base, id: rejected.id, task: 'mine', ...reason }])
    expect(facts(told, 'task:unknown')).toEqual([{ ...base, id: unknown.id, task: 'nobody' }])
    expect(facts(told, 'task:undecodable')).toMatchObject([{ queue: 'celery', error: { type: 'DecodeError' } }])
    expect(facts(told, 'task:success')).toEqual([])
    expect(await silent.state()).toBe('PENDING')
    // Signals are an app's own.
    expect(names(record(other))).toEqual([])
  })

  it('a listener that throws, or rejects, breaks nothing and is logged', async () => {
    const lines: { level: number; msg: string; err: { message: string } }[] = []
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)))
        done()
      },
    })
    const app = lab().app({ logger: createLogger('info', sink) })
    const heard: string[] = []
    for (const name of ['task:before-publish', 'task:received', 'task:prerun', 'task:success'] as const) {
      app.on(name, () => {
        throw new Error(`thrown at ${name}`)
      })
      app.on(name, () => Promise.reject(new Error(`rejected at ${name}`)))
      app.on(name, () => heard.push(name))
    }
    const stop = app.on('task:success', () => heard.push('never'))
    stop()
    const task = app.task('task', () => 1)
    await lab().work(app)
    expect(await task.delay().get()).toBe(1)
    await until(() => heard.length === 4 && lines.length === 8)
    expect(heard).toEqual(['task:before-publish', 'task:received', 'task:prerun', 'task:success'])
    expect(lines.map(({ err }) => err.message).toSorted()).toEqual(
      heard.flatMap((name) => [`rejected at ${name}`, `thrown at ${name}`]).toSorted(),
    )
    expect(lines[0]).toMatchObject({ level: 50, msg: 'a listener of task:before-publish threw' })
  })
})
