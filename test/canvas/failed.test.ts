import { expect, test } from 'vitest'
import { chain, chord } from '../../src/calls/workflow.ts'
import { failedOptions, failedTaskIn } from '../../src/protocol/failedTask.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { until, useLab } from '../app/lab.ts'

/* What an errback knows of the failed task. */

const lab = useLab('sqlite')

function start(alwaysEager = false) {
  const app = lab().app({ alwaysEager })
  const seen: unknown[] = []
  return {
    app,
    seen,
    boom: app.task('boom', (words: string): number => {
      throw new RangeError(words)
    }),
    sum: app.task('sum', (list: readonly number[]) => list.length),
    alarm: app.task('alarm', (id: string) => {
      seen.push([id, currentTask()?.failed])
      return id
    }),
  }
}

test.each([false, true])('it is in each task of an errback (eager: %s)', async (eager) => {
  const { app, seen, boom, alarm } = start(eager)
  if (!eager) await lab().work(app)
  const sent = await boom.s('no').linkError(chain(alarm.s(), alarm.s())).delay()
  await expect(sent.get({ timeout: '60s' })).rejects.toThrow('no')
  await until(() => seen.length === 2)
  const failed = { id: sent.id, task: 'boom', error: { type: 'RangeError', message: 'no' } }
  expect(seen).toEqual([
    [sent.id, failed],
    [sent.id, failed],
  ])
})

test('of a chord it is the end of the body', async () => {
  const { app, seen, boom, sum, alarm } = start()
  await lab().work(app)
  const sent = await chord([boom.s('no')], sum.s().linkError(alarm.s())).delay()
  await expect(sent.get({ timeout: '60s' })).rejects.toMatchObject({ type: 'ChordError' })
  await until(() => seen.length === 1)
  const failed = {
    id: sent.id,
    task: 'sum',
    error: { type: 'ChordError', message: expect.stringMatching(/RangeError/) },
  }
  expect(seen).toEqual([[sent.id, failed]])
})

test('a long message is cut', () => {
  const result = { exc_type: 'RangeError', exc_message: ['x'.repeat(9000)], exc_module: 'builtins' }
  const { headers } = failedOptions({ id: 'x', task: 'boom' }, { result })
  expect(failedTaskIn(headers)?.error.message).toBe('x'.repeat(4000))
})

test('undefined outside of an errback, and where the header is none of ours', async () => {
  const { app, seen, alarm } = start()
  await lab().work(app)
  await alarm.delay('x').get({ timeout: '60s' })
  expect(seen).toEqual([['x', undefined]])
  expect(failedTaskIn({ celeriac_failed: 5 })).toBeUndefined()
  expect(failedTaskIn({ celeriac_failed: { id: 'x', error: { type: 5 } } })).toBeUndefined()
})
