import { afterEach, describe, expect, it, vi } from 'vitest'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import type { Celeriac } from '../../src/celeriac.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { Gate } from '../../src/testing/app/gate.ts'
import type { TestApp } from '../../src/testing/testing.ts'
import { isFull } from '../tier.ts'
import { appOf, HOUR, START, useTests } from './scene.ts'

const begin = useTests()

afterEach(() => {
  vi.restoreAllMocks()
})

/** An app and the tasks of its workflows. */
function scene() {
  const app = appOf({ lease: '30s' })
  const add = app.task('add', (a: number, b: number) => a + b)
  const sum = app.task('sum', (numbers: number[]) => numbers.reduce((total, one) => total + one, 0))
  const fail = app.task('fail', (words: string): number => {
    throw new RangeError(words)
  })
  return { app, add, sum, fail }
}

const statesOf = (t: TestApp<Celeriac>, task: string): string[] => t.sent(task).map(({ state }) => state)

describe('chords', () => {
  it('run by the clock: the body when the last member has ended', async () => {
    const { app, add, sum } = scene()
    const t = await begin(app)
    const handle = await chord([add.s(1, 2), add.s(3, 4).set({ countdown: '1h' })], sum.s()).delay()
    await t.advance(HOUR - 1)
    expect([statesOf(t, 'add'), t.sent(sum)]).toEqual([['SUCCESS', 'PENDING'], []])
    await t.advance(1)
    expect(await handle.get()).toBe(10)
    expect(t.sent(sum)).toMatchObject([{ args: [[3, 7]], state: 'SUCCESS' }])
  })

  it('in chains, in each other, and with members that are replaced or added', async () => {
    const { app, add, sum } = scene()
    const later = app.task(
      'later',
      (n: number): number => currentTask()?.replace(chain(add.s(n, 1), add.s(1))) as never,
    )
    const grow = app.task('grow', async (n: number) => {
      await currentTask()?.addToChord(add.s(n, n))
      return n
    })
    const t = await begin(app)
    const inner = chord([add.s(1, 1), later.s(5)], sum.s())
    const workflow = chain(group([inner, grow.s(10)]), sum.s(), group([add.s(1), add.s(2)]))
    const handle = await workflow.delay()
    await t.runUntilIdle()
    // 2 + 7 of the inner chord, 10, and 20 that was added.
    expect(await handle.join()).toEqual([40, 41])
  })

  it('fail by their policy', async () => {
    const { app, add, sum, fail } = scene()
    const failures: unknown[] = []
    const errback = app.task('errback', (_id: string) => void failures.push(currentTask()?.failed?.task))
    const collect = app.task('collect', (ends: unknown[]) => ends.length)
    const t = await begin(app)
    const header = () => [add.s(1, 2), fail.s('broken'), add.s(3, 4)] as const
    const failed = await chord(header(), sum.s()).linkError(errback.s()).delay()
    const ignored = await chord(header(), sum.s(), { onError: 'ignore' }).delay()
    const collected = await chord(header(), collect.s(), { onError: 'collect' }).delay()
    const waits = add.s(5, 6).set({ countdown: '1h' })
    const cancelled = await chord([fail.s('early'), waits], sum.s(), { onError: 'cancel' }).delay()
    await t.advance('2h')
    await expect(failed.get()).rejects.toThrow("RangeError('broken')")
    expect([await ignored.get(), await collected.get(), failures]).toEqual([10, 3, ['sum']])
    await expect(cancelled.get()).rejects.toThrow("RangeError('early')")
    expect(t.sent(add).find(({ args }) => args[0] === 5)).toMatchObject({ state: 'REVOKED' })
  })

  it('end when a member is revoked by the test, and in the process of the worker', async () => {
    const { app, add, sum } = scene()
    const t = await begin(app)
    const waits = add.s(3, 4).set({ countdown: '1h' })
    const handle = await chord([add.s(1, 2), waits], sum.s()).delay()
    await t.runUntilIdle()
    const [, id] = t.sent(add).map((call) => call.id)
    await app.result(id as string).revoke()
    await t.advance('1h')
    await expect(handle.get()).rejects.toThrow('revoked')
    expect(statesOf(t, 'add')).toEqual(['SUCCESS', 'REVOKED'])
  })

  it('go on in the next process, a member that was running after the lease', async () => {
    const { app, add, sum } = scene()
    const runs: number[] = []
    const hold = app.task('hold', () => {
      runs.push(app.config.clock.now() - START)
      return runs.length === 1 ? new Promise<number>(() => undefined) : 5
    })
    const t = await begin(app)
    const handle = await chord([add.s(1, 2), hold.s()], sum.s()).delay()
    await t.runUntilIdle({ awaitTasks: false })
    await t.kill()
    await t.advance('30s')
    expect([await handle.get(), runs, statesOf(t, 'sum')]).toEqual([8, [0, 30_000], ['SUCCESS']])
  })
})

/**
 * Run a task that sends a chord, and do this before the step of the stores with that number. Returns whether there was
 * such a step.
 */
async function disturbedAt(
  step: number,
  disturb: (t: TestApp<Celeriac>) => void,
): Promise<[boolean, TestApp<Celeriac>]> {
  const { app, add, sum } = scene()
  const header = [add.s(1, 2), add.s(3, 4), chain(add.s(5, 6), add.s(7))]
  const start = app.task('start', async () => void (await chord(header, sum.s()).delay()), {
    retry: { max: 5, delay: '10s' },
  })
  const t = await begin(app)
  await start.delay()
  let steps = 0
  const { pass } = Gate.prototype
  const spy = vi.spyOn(Gate.prototype, 'pass').mockImplementation(function (this: Gate, call) {
    if (++steps === step) disturb(t)
    return pass.call(this, call)
  })
  await t.advance('5m')
  spy.mockRestore()
  return [steps >= step, t]
}

/** Do this at one step after the other until there is no such step, and look what has become of the workflow. */
async function disturbedAtEach(
  disturb: (t: TestApp<Celeriac>) => void,
  look: (t: TestApp<Celeriac>) => void,
): Promise<void> {
  let step = 1
  // `npm test` tries every fourth.
  for (let reached = true; reached; step += isFull ? 1 : 4) {
    const [was, t] = await disturbedAt(step, disturb)
    reached = was
    look(t)
    await t.close()
  }
  console.log('STEPS', step)
  expect(step).toBeGreaterThan(30)
}

describe('a workflow that is disturbed', () => {
  it('ends as it should, whichever step of the stores a process dies before', async () => {
    await disturbedAtEach(
      (t) => void t.kill(),
      (t) => {
        // The task that sends it may run again after it has sent it.
        const bodies = t.sent('sum').map(({ args, state }) => ({ args, state }))
        expect(bodies.length).toBeGreaterThan(0)
        expect(bodies).toEqual(bodies.map(() => ({ args: [[3, 7, 18]], state: 'SUCCESS' })))
        expect(statesOf(t, 'add')).toEqual(Array(4 * bodies.length).fill('SUCCESS'))
      },
    )
  })

  it('ends as it should, and is sent once, whichever step of the stores they become unavailable before', async () => {
    await disturbedAtEach(
      (t) => t.storeAway('1m'),
      (t) => {
        expect(t.sent('sum')).toMatchObject([{ args: [[3, 7, 18]], state: 'SUCCESS' }])
        expect(statesOf(t, 'add')).toEqual(Array(4).fill('SUCCESS'))
      },
    )
  })
})
