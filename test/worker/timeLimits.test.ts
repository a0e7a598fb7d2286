import { describe, expect, it } from 'vitest'
import { currentTask } from '../../src/tasks/current.ts'
import { useLab } from '../app/lab.ts'

const lab = useLab('memory')

/** Ends the task long before the others would. */
const SHORT = 30
const LONG = '10m'

describe.each([
  ['timeLimit', 'TimeLimitExceeded'],
  ['softTimeLimit', 'SoftTimeLimitExceeded'],
] as const)('%s', (limit, type) => {
  it.each([
    ['the call before all others', SHORT, LONG, LONG, LONG],
    ['the task before worker and app', undefined, SHORT, LONG, LONG],
    ['the worker before the app', undefined, undefined, SHORT, LONG],
    ['the app', undefined, undefined, undefined, SHORT],
  ])('%s', async (_, call, task, worker, own) => {
    const app = lab().app({ [limit]: own })
    const waits = app.task('waits', untilAborted, { [limit]: task })
    await lab().work(app, { [limit]: worker })
    const handle = await waits.applyAsync([], { [limit]: call })
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type })
  })

  it.each([
    ['the call', 0, SHORT, SHORT, SHORT],
    ['the task', undefined, 0, SHORT, SHORT],
    ['the worker', undefined, undefined, 0, SHORT],
    ['the app', undefined, undefined, undefined, 0],
  ])('0 of %s: none', async (_, call, task, worker, own) => {
    const app = lab().app({ [limit]: own })
    const pauses = app.task('pauses', () => new Promise((resolve) => setTimeout(resolve, 4 * SHORT, 'ended')), {
      [limit]: task,
    })
    await lab().work(app, { [limit]: worker })
    expect(await pauses.applyAsync([], { [limit]: call }).get({ timeout: '20s' })).toBe('ended')
  })
})

it('a task of a sender that knows nothing of it has the limits of the worker', async () => {
  const app = lab().app()
  app.task('waits', () => new Promise(() => undefined))
  await lab().work(app, { timeLimit: SHORT })
  await expect(app.send('waits').get({ timeout: '20s' })).rejects.toMatchObject({ type: 'TimeLimitExceeded' })
})

function untilAborted(): Promise<never> {
  const signal = currentTask()?.signal
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
}
