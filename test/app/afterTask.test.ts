import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { TaskEnd } from '../../src/app/afterTask.ts'
import { Ignore, Reject } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, until, useLab } from './lab.ts'

const lab = useLab('sqlite')

test('how tasks end: ignored, rejected, revoked, returned to the queue and run again', async () => {
  const app = lab().app()
  const ends: TaskEnd[] = []
  app.afterTask((end) => ends.push(end))
  app.task('ignore', () => {
    throw new Ignore()
  })
  app.task('reject', () => {
    throw new Reject('no')
  })
  app.task('again', () => {
    if (!currentTask()?.redelivered) throw new Reject('not here', { requeue: true })
    return 'there'
  })
  app.task(
    'early',
    () => {
      throw new Reject('lost', { requeue: true })
    },
    { acksLate: false },
  )
  const wait = app.task('wait', () => sleep(20_000, undefined, { signal: currentTask()?.signal, ref: false }))
  await lab().work(app, { revokeGrace: 0 })
  for (const name of ['ignore', 'reject', 'again', 'early']) await app.send(name)
  await until(() => ends.length === 4)
  const running = next(app, 'task:prerun')
  const handle = await wait.delay()
  await running
  await handle.revoke()
  await until(() => ends.length === 5)
  const found = Object.fromEntries(
    ends.map(({ task, state, error, result }) => [task, [state, error?.message ?? result]]),
  )
  expect(found).toEqual({
    ignore: ['IGNORED', undefined],
    reject: ['FAILURE', 'no'],
    again: ['SUCCESS', 'there'],
    early: ['FAILURE', 'lost'],
    wait: ['REVOKED', expect.any(String)],
  })
  expect(ends.every((end) => Object.isFrozen(end) && end.request === undefined)).toBe(true)
})

test('the worker waits for the hooks before it stops; a hook can be taken back', async () => {
  const app = lab().app()
  const task = app.task('task', () => 1)
  const seen: string[] = []
  const stop = app.afterTask(async ({ id }) => {
    await sleep(50)
    seen.push(id)
  })
  const worker = await lab().work(app)
  const handle = await task.delay()
  await handle.get()
  await worker.stop()
  expect(seen).toEqual([handle.id])
  stop()
  await lab().work(app)
  await task.delay().get()
  expect(seen).toHaveLength(1)
  expect(() => app.afterTask('x' as never)).toThrow('afterTask: expected a function, got "x"')
})

test('what a hook sends belongs to the request, and to no task', async () => {
  const app = lab().app()
  const seen: unknown[] = []
  app.task('first', () => 1)
  app.task('second', () => {
    const { parentId, request } = currentTask() ?? {}
    seen.push([parentId, request?.values.user])
  })
  app.afterTask(({ task }) => (task === 'first' ? app.send('second') : undefined))
  await lab().work(app)
  await app.withContext({ user: 'ada' }, () => app.send('first'))
  await until(() => seen.length === 1)
  expect(seen).toEqual([[undefined, 'ada']])
})
