import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { type Event, EventReceiver } from '../../src/events/receiver.ts'
import { Ignore, Reject } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, onEachStore } from '../app/lab.ts'
import { eventually } from '../wait.ts'

const NAME = 'w@test'

/** A receiver, and what it gets. */
async function receive(
  lab: Lab,
  app: App,
): Promise<{ receiver: EventReceiver; seen: Event[]; until: (type: string) => Promise<Event[]> }> {
  const receiver = new EventReceiver(app)
  const seen: Event[] = []
  receiver.onEvent((event) => seen.push(event))
  await receiver.start()
  lab.after(() => receiver.stop())
  const until = (type: string): Promise<Event[]> =>
    eventually(
      async () => seen,
      (all) => all.some((one) => one.type === type),
    )
  return { receiver, seen, until }
}

onEachStore(
  (lab) => {
    it('a receiver sees the worker and what becomes of its tasks', async () => {
      const app = lab().app()
      const add = app.task('add', (x: number, y: number) => x + y)
      const fail = app.task('fail', () => {
        throw new RangeError('boom')
      })
      const again = app.task('again', () => currentTask()?.attempt === 1 && currentTask()?.retry({ countdown: 1 }), {
        retry: { max: 1 },
      })
      const reject = app.task('reject', () => {
        throw new Reject('not mine')
      })
      const own = app.task('own', () => {
        currentTask()?.sendEvent('task-progress', { percent: 50 })
        throw new Ignore()
      })
      const { receiver, seen, until } = await receive(lab(), app)
      const worker = await lab().work(app, { hostname: NAME, taskEvents: true, heartbeatInterval: 100 })
      const [added, failed, retried] = [await add.delay(1, 2), await fail.delay(), await again.delay()]
      await Promise.all([reject.delay(), own.delay(), add.applyAsync([1, 2], { expires: new Date(0) })])
      for (const type of [
        'task-succeeded',
        'task-failed',
        'task-retried',
        'task-rejected',
        'task-revoked',
        'task-progress',
        'worker-heartbeat',
      ])
        await until(type)
      expect(receiver.cluster.alive()).toMatchObject([{ hostname: NAME, freq: 0.1, software: 'celeriac' }])
      await retried.get({ timeout: '20s' })
      await worker.stop()
      await until('worker-offline')
      expect(receiver.cluster.alive()).toEqual([])
      const { tasks } = receiver.cluster
      expect(tasks.get(added.id)).toMatchObject({
        state: 'SUCCESS',
        name: 'add',
        args: '(1, 2)',
        result: '3',
        worker: NAME,
      })
      expect(tasks.get(failed.id)).toMatchObject({ state: 'FAILURE', exception: "ValueError('boom')" })
      expect(seen.filter(({ type, uuid }) => type === 'task-received' && uuid === retried.id).length).toBeGreaterThan(1)
      expect(seen.find(({ type }) => type === 'task-progress')).toMatchObject({ percent: 50, hostname: NAME })
      expect([receiver.unreadable, receiver.cluster.refused]).toEqual([0, 0])
      const clocks = seen.map(({ clock }) => clock as number)
      expect(clocks).toEqual(clocks.toSorted((a, b) => a - b))
    })

    it('the events of tasks begin and end while it runs; two workers of one app send their own alone', async () => {
      const app = lab().app()
      const add = app.task('add', (x: number, y: number) => x + y)
      const { seen, until } = await receive(lab(), app)
      const worker = await lab().work(app, { hostname: NAME, heartbeatInterval: 0 })
      await (await add.delay(1, 2)).get({ timeout: '20s' })
      expect([worker.taskEvents.enabled, worker.taskEvents.enable(), worker.taskEvents.enable()]).toEqual([
        false,
        true,
        false,
      ])
      worker.taskEvents.heartbeat()
      await until('worker-heartbeat')
      await (await add.delay(3, 4)).get({ timeout: '20s' })
      await eventually(
        async () => seen,
        (all) => all.some(({ result }) => result === '7'),
      )
      expect([worker.taskEvents.disable(), worker.taskEvents.disable()]).toEqual([true, false])
      worker.taskEvents.heartbeat()
      await eventually(
        async () => seen,
        (all) => all.filter(({ type }) => type === 'worker-heartbeat').length === 2,
      )
      await (await add.delay(5, 6)).get({ timeout: '20s' })
      await worker.stop()
      const results = seen.filter(({ type }) => type === 'task-succeeded')
      // The first one may be signalled after its result has come.
      expect(results.filter(({ result }) => result !== '3')).toMatchObject([{ result: '7', hostname: NAME }])
    })
  },
  { memory: false },
)
