import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { TaskOptions } from '../../src/config/taskOptions.ts'
import { Reject } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, onAllStores, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'

/** Two tasks that wait for the gate; what they see of their own message meanwhile. */
function gated(app: App) {
  const gate = Promise.withResolvers<string>()
  return {
    gate,
    late: app.task('late', () => gate.promise),
    early: app.task('early', () => gate.promise, { acksLate: false }),
  }
}

/** A task whose first two runs end by the time limit; its result is the number of its runs. */
function stuckTwice(app: App, options: TaskOptions = {}) {
  let runs = 0
  const run = () => (++runs < 3 ? new Promise<number>(() => undefined) : runs)
  return app.task('task', run, { acksOnTimeout: false, timeLimit: 50, ...options })
}

onAllStores((lab) => {
  it('late by default: a worker that gives up its task leaves it to another; early: it is lost, not without trace', async () => {
    const app = lab().app({ trackStarted: true })
    const { gate, late, early } = gated(app)
    const told = record(app)
    const first = await lab().work(app)
    const [kept, lost] = [await late.delay(), await early.delay()]
    for (const handle of [kept, lost]) await until(async () => (await handle.state()) === 'STARTED')
    await first.stop({ grace: 0 })
    expect(await app.queueSize()).toBe(1)
    await expect(lost.get()).rejects.toMatchObject({
      type: 'WorkerLostError',
      message: 'the worker shut down before the task ended',
    })
    expect(told.flatMap(({ name, event }) => (name === 'task:returned' ? [event] : []))).toMatchObject([
      { id: kept.id },
    ])
    expect(told.flatMap(({ name, event }) => (name === 'task:failure' ? [event] : []))).toMatchObject([{ id: lost.id }])
    gate.resolve('done')
    await lab().work(app)
    expect(await kept.get()).toBe('done')
  })

  it('acksOnFailure: false: FAILURE, and the message is not delivered again', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task(
      'task',
      () => {
        runs++
        throw new RangeError('no')
      },
      { acksOnFailure: false },
    )
    await lab().work(app)
    const handle = await task.delay()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError' })
    await until(async () => (await app.queueSize()) === 0)
    const after = app.task('after', () => runs)
    expect(await after.delay().get({ timeout: '20s' })).toBe(1)
  })

  it('acksOnTimeout: false: the hard time limit puts the task back into its queue', async () => {
    const app = lab().app()
    const told = record(app)
    const task = stuckTwice(app)
    await lab().work(app)
    const handle = await task.delay()
    expect(await handle.get({ timeout: '20s' })).toBe(3)
    expect(await handle.info()).toMatchObject({ state: 'SUCCESS', retries: 0 })
    const rejected = told.flatMap(({ name, event }) => (name === 'task:rejected' ? [event] : []))
    expect(rejected).toMatchObject(Array(2).fill({ id: handle.id, requeue: true, reason: 'the time limit is over' }))
    expect(told.map(({ name }) => name)).not.toContain('task:failure')
  })

  it('acksOnTimeout: false: retry comes first', async () => {
    const app = lab().app()
    const told = record(app)
    const task = stuckTwice(app, { retry: { max: 1, delay: 1 } })
    await lab().work(app)
    expect(await task.delay().get({ timeout: '20s' })).toBe(3)
    const names = told.map(({ name }) => name)
    expect([names.indexOf('task:retry'), names.indexOf('task:rejected')].every((at) => at >= 0)).toBe(true)
    expect(names.indexOf('task:retry')).toBeLessThan(names.indexOf('task:rejected'))
  })

  it('early: results, failures and retries are stored all the same', async () => {
    const app = lab().app()
    const task = app.task(
      'task',
      (how: string) => {
        if (how === 'retry' && currentTask()?.attempt === 1) throw new Error('once')
        if (how === 'fail') throw new RangeError('no')
        if (how === 'requeue') throw new Reject('not mine', { requeue: true })
        return how
      },
      { acksLate: false, retry: { max: 1, delay: 1 } },
    )
    await lab().work(app)
    expect(await task.delay('well').get()).toBe('well')
    expect(await task.delay('retry').get()).toBe('retry')
    await expect(task.delay('fail').get()).rejects.toMatchObject({ type: 'RangeError', message: 'no' })
    // It was acknowledged: there is nothing to give back.
    await expect(task.delay('requeue').get()).rejects.toMatchObject({ type: 'Reject', message: 'not mine' })
    expect(await app.queueSize()).toBe(0)
  })
})

describe('in the file', () => {
  const lab = useLab('sqlite')
  const messages = (from: Lab, id: string): number => {
    const row = from.database().prepare('SELECT count(*) AS n FROM celeriac_message WHERE task_id = ?').get(id)
    return (row as { n: number }).n
  }

  it('early acknowledgement is written before the function runs, late with its result', async () => {
    const app = lab().app()
    const { gate, late } = gated(app)
    const seen: number[] = []
    const look = app.task('look', () => void seen.push(messages(lab(), currentTask()!.id)), { acksLate: false })
    await lab().work(app)
    await look.delay().get()
    expect(seen).toEqual([0])
    const handle = await late.applyAsync([])
    await until(() => messages(lab(), handle.id) === 1)
    gate.resolve('done')
    await handle.get()
    expect(messages(lab(), handle.id)).toBe(0)
  })

  it('whose lease ran out is told of, and overwrites nothing', async () => {
    const app = lab().app({ trackStarted: true })
    const { gate, late } = gated(app)
    const told = record(app)
    const worker = await lab().work(app)
    const handle = await late.delay()
    await until(async () => (await handle.state()) === 'STARTED')
    // As if another worker had it: its claim is the newer one.
    lab().database().exec('UPDATE celeriac_message SET claims = claims + 1')
    gate.resolve('stale')
    await until(() => told.some(({ name }) => name === 'task:lost') && worker.busy === 0)
    expect(told.flatMap(({ name, event }) => (name === 'task:lost' ? [event] : []))).toMatchObject([{ id: handle.id }])
    expect(await handle.state()).toBe('STARTED')
    expect(told.some(({ name }) => name === 'task:success')).toBe(false)
  })

  it('early: one that is another worker’s by now is not run here', async () => {
    const app = lab().app()
    let runs = 0
    const early = app.task('early', () => ++runs, { acksLate: false })
    const told = record(app)
    app.on('task:received', ({ id }) => {
      const db = lab().database()
      db.prepare('UPDATE celeriac_message SET claims = claims + 1 WHERE task_id = ?').run(id)
      db.close()
    })
    await lab().work(app)
    await early.delay()
    await until(() => told.some(({ name }) => name === 'task:lost'))
    expect(runs).toBe(0)
    expect(told.some(({ name }) => name === 'task:prerun')).toBe(false)
  })
})

describe('on RabbitMQ', () => {
  const lab = useLab('rabbitmq', emptyRabbit)

  it('acksOnFailure: false: the message goes to the dead-letter exchange of its queue', async () => {
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'failed' }
    const app = lab().app({ queues: { celery: { arguments: args } } })
    const task = app.task(
      'task',
      () => {
        throw new RangeError('no')
      },
      { acksOnFailure: false },
    )
    const { broker } = await storesOf(app)
    await broker.publish(
      { headers: {}, properties: { contentType: 'application/json', contentEncoding: 'utf-8' }, body: '{}' },
      { exchange: '', routingKey: 'failed' },
    )
    await lab().work(app)
    await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError' })
    await until(async () => (await app.queueSize('failed')) === 2)
  })
})

describe('what becomes of the message at the end', () => {
  const lab = useLab('memory')

  it.each([{ acksOnFailure: false }, { acksOnTimeout: false }, { rejectOnWorkerLost: true }])(
    'needs late acknowledgement: %j',
    (options) => {
      const [name, value] = Object.entries(options)[0] as [string, boolean]
      expect(() =>
        lab()
          .app()
          .task('task', () => 1, { ...options, acksLate: false }),
      ).toThrow(`task task: ${name}: ${value} needs acksLate: true, got false`)
    },
  )

  it.each([{ concurrency: 1 }, { uses: 'db' }, { breaker: { failures: 1, within: '1m', pause: '1m' } }])(
    'so does what counts runs: %j',
    (options) => {
      const task = () =>
        lab()
          .app()
          .task('task', () => 1, { ...options, acksLate: false } as TaskOptions)
      expect(task).toThrow(`task task: ${Object.keys(options)[0]} needs acksLate: true, got false: `)
    },
  )
})
