import { expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../src/celeriac.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { QueueFullError } from '../../src/std/errors.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { testApp } from '../../src/testing/testing.ts'
import { codecOf } from '../codec/keys.ts'
import { LARGE, payloadsIn, textIn, wait } from './lab.ts'

/* The tests of users, with all of these options: nothing is sealed or put, what is bounded is bounded. */

function appOf(options: CeleriacOptions) {
  const app = new Celeriac({ codec: codecOf(), logger: false, deadLetters: { failed: true }, ...options })
  onTestFinished(() => app.close())
  const echo = app.task('echo', (value: unknown) => value)
  const complete = app.task('complete', async (value: unknown) => {
    await (currentTask() as TaskContext).completeWithin({}, value)
    return value
  })
  const fail = app.task('fail', () => {
    throw new RangeError('no')
  })
  return { app, echo, complete, fail }
}

test('alwaysEager', async () => {
  const { folder, payloads } = await payloadsIn()
  const { app, echo, complete, fail } = appOf({ payloads, alwaysEager: true, maxQueueLength: 1 })
  expect(await (await echo.delay(LARGE)).get(wait)).toBe(LARGE)
  expect(await (await app.within({}, () => echo.delay(LARGE))).get(wait)).toBe(LARGE)
  expect(await (await complete.delay(LARGE)).get(wait)).toBe(LARGE)
  await expect((await fail.delay()).get(wait)).rejects.toThrow('no')
  expect(textIn(folder)).toBe('')
})

test('testApp', async () => {
  const { folder, payloads } = await payloadsIn()
  const { app, echo, complete, fail } = appOf({ broker: 'redis://127.0.0.1:1', payloads, maxQueueLength: 1 })
  await using t = await testApp(app)
  const sent = [await echo.delay(LARGE), await complete.delay(LARGE)]
  // No worker takes it there.
  await echo.applyAsync(['a'], { queue: 'other' })
  await expect(echo.applyAsync(['b'], { queue: 'other' })).rejects.toBeInstanceOf(QueueFullError)
  await t.advance('1s')
  expect(await Promise.all(sent.map((one) => one.get(wait)))).toEqual([LARGE, LARGE])
  const failed = await app.within({}, () => fail.delay())
  await t.advance('1s')
  expect(await app.deadLetters.get(failed.id)).toMatchObject({ reason: 'failed', args: [] })
  await app.deadLetters.edit(failed.id, { args: [] })
  expect((await app.deadLetters.redrive({ all: true })).ids).toEqual([failed.id])
  await t.advance('1s')
  expect((await app.deadLetters.get(failed.id))?.deaths).toHaveLength(1)
  expect(textIn(folder)).toBe('')
})
