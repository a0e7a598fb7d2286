import { expect, it } from 'vitest'
import { Worker } from '../../src/worker/worker.ts'
import { next, onSqliteOrEachStore, until, useLab } from '../app/lab.ts'

onSqliteOrEachStore((lab) => {
  it('maxTasks: it stops by itself when so many have begun and ended; the others wait', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task('task', async () => {
      runs++
      await new Promise((resolve) => setTimeout(resolve, 30))
    })
    const handles = await task.delayMany(Array.from({ length: 7 }, () => []))
    const worker = new Worker(app, { concurrency: 2, maxTasks: 3, grace: 1, logger: false })
    lab().after(() => worker.stop({ grace: 0 }))
    const shutdown = next(app, 'worker:shutdown')
    await worker.start()
    expect(await shutdown).toMatchObject({ reason: 'max tasks' })
    await worker.stop()
    expect(runs).toBe(3)
    expect(await app.queueSize()).toBe(4)
    const states = await app.states(handles.map(({ id }) => id))
    expect(states.filter((state) => state === 'SUCCESS')).toHaveLength(3)
    await worker.start()
    await until(() => runs === 6)
    await worker.stop()
    expect(await app.queueSize()).toBe(1)
  })
})

const lab = useLab('memory')

it('a stop with a grace shortens the wait of its own stop', async () => {
  const app = lab().app()
  const task = app.task('task', () => new Promise(() => undefined))
  const worker = await lab().work(app, { maxTasks: 1 })
  const shutdown = next(app, 'worker:shutdown')
  await task.delay()
  await shutdown
  await worker.stop({ grace: 20 })
  expect(await app.queueSize()).toBe(1)
})

it('excludeQueues: of the named ones, else of all that the app knows', () => {
  const app = lab().app({ routes: { 'mail.*': 'mail' } })
  app.task('mail.send', () => 1)
  app.task('slow', () => 1, { queue: 'slow' })
  const queues = (options: ConstructorParameters<typeof Worker>[1]) => new Worker(app, options).queues
  expect(queues({ excludeQueues: ['slow'] })).toEqual(['celery', 'mail'])
  expect(queues({ queues: ['a', 'slow', 'b'], excludeQueues: ['slow'] })).toEqual(['a', 'b'])
  expect(queues({})).toEqual(['celery'])
  expect(() => queues({ excludeQueues: ['mial'] })).toThrow(
    'excludeQueues: expected some of celery, mail, slow, got mial',
  )
  expect(() => queues({ queues: ['a'], excludeQueues: ['a'] })).toThrow('expected to leave a queue, got all of them: a')
  expect(() => queues({ excludeQueues: [] })).toThrow('excludeQueues: expected a list of at least one')
})
