import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { Reject } from '../../src/std/errors.ts'
import { next, onEachStore, onSqliteOrEachStore, record, until, useLab } from '../app/lab.ts'
import { define } from './modules/tasks.ts'

const HOUR = 3_600_000

/** A clock that jumps by hours. */
class JumpingClock implements Clock {
  #shift = 0

  now(): number {
    return systemClock.now() + this.#shift
  }

  after(...timer: Parameters<Clock['after']>): () => void {
    return systemClock.after(...timer)
  }

  jump(): void {
    this.#shift += 2 * HOUR
  }
}

/** What no run follows: its deadline has passed while it ran. */
const EXCEEDED = { type: 'DeadlineExceeded', message: expect.stringMatching(/^its deadline is 2\S+Z, and it would /) }

describe('a task that is to go back to its queue after its deadline fails with DeadlineExceeded', () => {
  onEachStore((lab) => {
    it('acksOnTimeout: false', async () => {
      const clock = new JumpingClock()
      const app = lab().app({ clock })
      let runs = 0
      const never = (): Promise<void> => {
        runs++
        clock.jump()
        return new Promise(() => undefined)
      }
      const task = app.task('task', never, { acksOnTimeout: false, timeLimit: 50, deadline: '1h' })
      await lab().work(app)
      const handle = await task.delay()
      await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject(EXCEEDED)
      expect([runs, (await handle.info())?.state]).toEqual([1, 'FAILURE'])
    })

    it('Reject with requeue', async () => {
      const clock = new JumpingClock()
      const app = lab().app({ clock })
      const task = app.task(
        'task',
        () => {
          clock.jump()
          throw new Reject('not mine', { requeue: true })
        },
        { deadline: '1h' },
      )
      await lab().work(app)
      await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({
        type: 'DeadlineExceeded',
        message: expect.stringMatching(/ \(not mine\)$/),
      })
    })
  })

  const lab = useLab('sqlite')

  it('rejectOnWorkerLost', async () => {
    const clock = new JumpingClock()
    const app = define(lab().app({ clock }))
    const told = record(app)
    const module = new URL('./modules/tasks.ts', import.meta.url).href
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    void next(app, 'task:prerun').then(() => clock.jump())
    const handle = await app.send('exitAgain', [], { deadline: '1h' })
    await expect(handle.get({ timeout: '30s' })).rejects.toMatchObject({
      ...EXCEEDED,
      message: expect.stringMatching(/exit code 3/),
    })
    expect(told.filter(({ name }) => name === 'task:prerun')).toHaveLength(1)
  })
})

onSqliteOrEachStore((lab) => {
  it('an error that the task declares (throws) is expected, also where the deadline prevents its repeat', async () => {
    const app = lab().app()
    const told = record(app)
    const task = app.task('task', () => Promise.reject(new RangeError('far')), {
      throws: [RangeError],
      retry: { max: 5, backoff: ['2h'] },
      deadline: '1h',
    })
    await lab().work(app)
    await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError', message: 'far' })
    const [failure] = told.filter(({ name }) => name === 'task:failure')
    expect(failure?.event).toMatchObject({
      expected: true,
      error: { traceback: expect.stringMatching('Not repeated') },
    })
  })

  it('a message that is put back for another worker keeps its deadline, and expires at it', async () => {
    const clock = new JumpingClock()
    const app = lab().app({ clock, unknownTaskTimeout: '1h' })
    const told = record(app)
    await lab().work(app)
    void next(app, 'task:postponed').then(() => clock.jump())
    const handle = await app.send('unknown', [], { deadline: '1h' })
    await expect(handle.get({ timeout: '150s' })).rejects.toMatchObject({ message: expect.stringMatching('expired') })
    expect(told.filter(({ name }) => name === 'task:prerun')).toEqual([])
  })
})

describe('a deadline of the task itself', () => {
  const lab = useLab('sqlite')

  it('is counted from the first worker that took the message, also after that has put it back', async () => {
    const clock = new JumpingClock()
    const app = lab().app({ clock })
    const task = app.task('task', () => 1, { deadline: '1h', rateLimit: '1/m' })
    // Ids without a time in them, from a sender that knows no more than the name.
    const [first, ...others] = await Promise.all(
      ['one', 'two', 'three'].map((taskId) => lab().app().send(task.name, [], { taskId })),
    )
    const worker = await lab().work(app)
    expect(await first?.get({ timeout: '20s' })).toBe(1)
    await until(() => worker.busy === 0)
    clock.jump()
    for (const handle of others)
      await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ message: expect.stringMatching('expired') })
  })
})
