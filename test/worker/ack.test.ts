import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Reject } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, onEachStore, record, until, useLab } from '../app/lab.ts'

/** Two tasks that wait for the gate; what they see of their own message meanwhile. */
function gated(app: App) {
  const gate = Promise.withResolvers<string>()
  return {
    gate,
    late: app.task('late', () => gate.promise),
    early: app.task('early', () => gate.promise, { acksLate: false }),
  }
}

onEachStore((lab) => {
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
