import { expect, it } from 'vitest'
import { Fatal } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onFewStores } from './lab.ts'

onFewStores((lab) => {
  it('wraps sending, the first added outermost, and may change the call', async () => {
    const app = lab().app()
    const order: string[] = []
    const look = app.task('look', (x: number) => [x, currentTask()?.headers.tenant, currentTask()?.queue])
    for (const name of ['outer', 'inner']) {
      app.use({
        send: async (call, next) => {
          order.push(`${name} before`)
          const result = await next(call)
          order.push(`${name} after ${result.id}`)
          return result
        },
      })
    }
    app.use({
      send: (call, next) => {
        const options = { ...call.options, headers: { ...call.options.headers, tenant: 'acme' }, queue: 'other' }
        return next({ ...call, args: call.args.map((arg) => (arg as number) * 2), options })
      },
    })
    await lab().work(app, { queues: ['other'] })
    const handle = await look.applyAsync([21], { taskId: 'one' })
    expect(await handle.get()).toEqual([42, 'acme', 'other'])
    expect(order).toEqual(['outer before', 'inner before', 'inner after one', 'outer after one'])
    await look.delayMany([[1], [2]])
    expect(order.filter((line) => line === 'outer before')).toHaveLength(3)
  })

  it('may refuse a call, or answer it', async () => {
    const app = lab().app()
    const task = app.task('task', () => 1)
    app.use({
      send: async (call, next) => {
        if (call.options.headers?.no) throw new Error('not allowed')
        return call.options.headers?.known ? app.result('known') : next(call)
      },
    })
    await expect(task.applyAsync([], { headers: { no: true } })).rejects.toThrow('not allowed')
    expect((await task.applyAsync([], { headers: { known: true } })).id).toBe('known')
    expect(await app.queueSize()).toBe(0)
    // What a layer makes of the options is checked as well.
    app.use({ send: (call, next) => next({ ...call, options: { priority: 999 } }) })
    await expect(task.delay()).rejects.toThrow('priority: expected a whole number')
  })

  it('wraps running, in the context of the task, and may change arguments, result and end', async () => {
    const app = lab().app()
    const order: unknown[] = []
    const add = app.task('add', (x: number, y: number) => x + y)
    const fail = app.task('fail', () => Promise.reject(new RangeError('no')), { retry: 5 })
    app.use({
      run: async (run, next) => {
        order.push(['outer', run.job.id === currentTask()?.id, run.args])
        try {
          const result = await next({ ...run, args: run.args.map((arg) => (arg as number) * 10) })
          return [result, 'wrapped']
        } catch (error) {
          throw new Fatal(`seen: ${(error as Error).message}`)
        }
      },
    })
    app.use({
      run: (run, next) => {
        order.push(['inner', run.args])
        return next(run)
      },
    })
    await lab().work(app)
    expect(await add.delay(1, 2).get()).toEqual([30, 'wrapped'])
    expect(order).toEqual([
      ['outer', true, [1, 2]],
      ['inner', [10, 20]],
    ])
    await expect(fail.delay().get()).rejects.toMatchObject({ type: 'Fatal', message: 'seen: no' })
  })
})
