import { expect, it } from 'vitest'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import type { TaskHooks } from '../../src/tasks/taskHooks.ts'
import { onSqliteOrEachStore, until, useLab } from './lab.ts'

/** All hooks, each noting its name and what it was given. */
function noting(notes: unknown[]): TaskHooks {
  const note =
    (name: string) =>
    async (...given: unknown[]): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      const ctx = given.pop()
      expect(currentTask()).toBe(ctx)
      notes.push([name, ...given])
    }
  return {
    beforeStart: note('beforeStart'),
    onSuccess: note('onSuccess'),
    onFailure: note('onFailure'),
    onRetry: note('onRetry'),
    afterReturn: note('afterReturn'),
  }
}

onSqliteOrEachStore((lab) => {
  it('run in the order of Celery, with what the task returned or threw', async () => {
    const app = lab().app()
    const notes: unknown[] = []
    const good = app.task('good', (x: number) => x + 1, noting(notes))
    const error = new RangeError('no')
    const retry = { max: 1, delay: 1, jitter: 'none' } as const
    const fail = (): never => {
      throw error
    }
    const bad = app.task('bad', fail, { retry, ...noting(notes) })
    const asking = app.task('asking', () => currentTask()?.retry({ cause: error, countdown: 1 }), {
      retry,
      ...noting(notes),
    })
    await lab().work(app)
    expect(await good.delay(1).get()).toBe(2)
    expect(notes.splice(0)).toEqual([
      ['beforeStart'],
      ['onSuccess', 2],
      ['afterReturn', { state: 'SUCCESS', result: 2 }],
    ])
    for (const task of [bad, asking]) {
      await expect(task.delay().get()).rejects.toThrow('no')
      expect(notes.splice(0)).toEqual([
        ['beforeStart'],
        ['onRetry', error],
        ['beforeStart'],
        ['onFailure', error],
        ['afterReturn', { state: 'FAILURE', error }],
      ])
    }
  })
})

const lab = useLab('memory')

it('what beforeStart throws is the error of the run: it is repeated, and the function is not called', async () => {
  const app = lab().app()
  let tries = 0
  const task = app.task('task', () => tries, {
    retry: { max: 1, delay: 1 },
    beforeStart: ({ attempt }) => {
      tries = attempt
      if (attempt === 1) throw new Error('not yet')
    },
  })
  await lab().work(app)
  expect(await task.delay().get()).toBe(2)
})

it('what the others throw is logged, and changes nothing', async () => {
  const lines: { msg: string; task?: string; err: { message: string } }[] = []
  const app = lab().app({ logger: createLogger('error', { write: (line) => lines.push(JSON.parse(line)) }) })
  const cannot = (): never => {
    throw new Error('cannot')
  }
  const hooks = { onSuccess: cannot, onFailure: cannot, afterReturn: cannot }
  const good = app.task('good', () => 'fine', hooks)
  const bad = app.task('bad', () => Promise.reject(new RangeError('no')), hooks)
  await lab().work(app)
  expect(await good.delay().get()).toBe('fine')
  await expect(bad.delay().get()).rejects.toMatchObject({ type: 'RangeError' })
  expect(lines.map(({ msg, task, err }) => [msg, task, err.message])).toEqual([
    ['onSuccess of task good threw', 'good', 'cannot'],
    ['afterReturn of task good threw', 'good', 'cannot'],
    ['onFailure of task bad threw', 'bad', 'cannot'],
    ['afterReturn of task bad threw', 'bad', 'cannot'],
  ])
})

it('none after Ignore; what they send belongs to the task; the eager mode has them, a direct call does not', async () => {
  const { Ignore } = await import('../../src/std/errors.ts')
  for (const alwaysEager of [false, true]) {
    const app = lab().app({ alwaysEager })
    const notes: unknown[] = []
    const leaf = app.task('leaf', () => 1)
    const ignored = app.task('ignored', () => Promise.reject(new Ignore()), noting(notes))
    const task = app.task('task', () => 1, {
      onSuccess: () => leaf.applyAsync([], { taskId: `leaf-${alwaysEager}` }),
      afterReturn: () => notes.push('task'),
    })
    if (!alwaysEager) await lab().work(app)
    await ignored.delay()
    const handle = await task.delay()
    await handle.get()
    expect((await handle.info())?.children).toEqual([`leaf-${alwaysEager}`])
    await until(() => notes.length === 2)
    expect(notes).toEqual(expect.arrayContaining([['beforeStart'], 'task']))
    expect(task()).toBe(1)
    expect(notes).toHaveLength(2)
  }
})

it('wrong ones name what was expected', () => {
  const app = lab().app()
  expect(() => app.task('a', () => 1, { onSuccess: 5 as never })).toThrow(
    'task a: onSuccess: expected a function, got 5',
  )
  expect(() => app.task('a', () => 1, { onSucces: () => 1 } as never)).toThrow('task a: unknown option onSucces')
})
