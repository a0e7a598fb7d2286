import { expect, it } from 'vitest'
import { z } from 'zod'
import { Control } from '../../../src/control/control.ts'
import { until, useLab } from '../../app/lab.ts'

const lab = useLab('sqlite')
const ONE = { destination: ['celery@a'], timeout: '10s' } as const

it('remote control sees items that wait as reserved, and sets no rate limit of their task', async () => {
  const app = lab().app()
  const task = app.task({ name: 'item', input: z.object({}), batch: { size: 9, wait: '1h' }, run: () => undefined })
  const worker = await lab().work(app, { hostname: 'celery@a', concurrency: 1 })
  const handles = await task.delayMany([{}, {}, {}])
  await until(() => worker.busy === 3)
  const control = new Control(app)
  const reserved = (await control.inspect(ONE).reserved())['celery@a'] as readonly { id: string }[]
  expect(reserved.map(({ id }) => id).sort()).toEqual(handles.map(({ id }) => id).sort())
  const [answer] = (await control.rateLimit('item', '5/s', ONE)) as Record<string, unknown>[]
  expect(answer).toEqual({ 'celery@a': { error: 'a task with batch has no rate limit' } })
})
