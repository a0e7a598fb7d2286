import { describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import type { GroupResult } from '../../src/calls/groupResult.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { ChordOnError, onErrorRuns } from '../../src/protocol/onError.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onEachStore, until, useLab } from '../app/lab.ts'
import { isFull } from '../tier.ts'

/* `onError` of one member of a chord, over that of the chord. */

type Tasks = ReturnType<typeof makeTasks>

function makeTasks(app: App) {
  const boom = app.task('boom', (words: string): number => {
    throw new RangeError(words)
  })
  return {
    boom,
    value: app.task('value', (n: number) => n),
    replaced: app.task('replaced', (words: string): number => currentTask()?.replace(boom.s(words)) as never),
    list: app.task('list', (all: readonly unknown[]) => all),
    wait: app.task('wait', async (): Promise<number> => {
      const { signal } = currentTask() as { signal: AbortSignal }
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    }),
  }
}

const rejected = (message: string) => ({
  status: 'rejected',
  reason: { type: 'RangeError', message, taskId: expect.any(String) },
})

function cases(start: () => Promise<Tasks>): void {
  test('ignore: its result is left out, and the others count as before', async () => {
    const { boom, value, list } = await start()
    const header = [value.s(1), boom.s('a').set({ onError: 'ignore' }), value.s(3).set({ onError: 'ignore' })]
    expect(await chord(header, list.s()).delay().get({ timeout: '20s' })).toEqual([1, 3])
    const failing = chord([boom.s('a').set({ onError: 'ignore' }), boom.s('b')], list.s())
    await expect(failing.delay().get({ timeout: '20s' })).rejects.toThrow(/Dependency \S+ raised RangeError\('b'\)/)
  })

  test('collect: its end is in its place, also after success', async () => {
    const { boom, value, list } = await start()
    const both = [value.s(1), boom.s('a').set({ onError: 'collect' }), value.s(3).set({ onError: 'collect' })]
    const ends = [1, rejected('a'), { status: 'fulfilled', value: 3 }]
    expect(await chord(both, list.s()).delay().get({ timeout: '20s' })).toEqual(ends)
    expect(await chain(group(both), list.s(), list.s()).delay().get({ timeout: '20s' })).toEqual(ends)
  })

  test('of a chain it is that of its last step, wherever it fails; of a task that is replaced, its own', async () => {
    const { boom, value, replaced, list } = await start()
    const header = [
      chain(boom.s('early'), value.s().set({ onError: 'ignore' })),
      replaced.s('late').set({ onError: 'collect' }),
      chord([value.s(1), boom.s('inner')], list.s().set({ onError: 'collect' })),
      value.s(4),
    ]
    const [late, inner, last, ...more] = await chord(header, list.s()).delay().get({ timeout: '20s' })
    expect([late, last, more]).toEqual([rejected('late'), 4, []])
    expect(inner).toMatchObject({ status: 'rejected', reason: { type: 'ChordError' } })
  })

  test('over that of the chord: one that must succeed', async () => {
    const { boom, value, list } = await start()
    for (const onError of ['ignore', 'collect'] as const) {
      const header = [boom.s('a'), boom.s('must').set({ onError: 'fail' }), value.s(1)]
      const sent = chord(header, list.s(), { onError }).delay()
      await expect(sent.get({ timeout: '20s' })).rejects.toThrow(/RangeError\('must'\)/)
    }
    const header = [value.s(1).set({ onError: 'fail' }), boom.s('a').set({ onError: 'ignore' })]
    const sent = chord(header, list.s(), { onError: 'collect' }).delay()
    expect(await sent.get({ timeout: '20s' })).toEqual([{ status: 'fulfilled', value: 1 }])
  })
}

describe('in eager mode', () => {
  const lab = useLab('memory')
  cases(async () => makeTasks(lab().app({ alwaysEager: true })))
})

const onStores: typeof onEachStore = isFull
  ? onEachStore
  : (suite) => describe('on sqlite', () => suite(useLab('sqlite'), 'sqlite'))

onStores((lab) => {
  const start = async (): Promise<Tasks> => {
    const app = lab().app()
    const tasks = makeTasks(app)
    await lab().work(app, { concurrency: 3 })
    return tasks
  }
  cases(start)

  test('cancel: its failure ends the chord at once, and stops the others', async () => {
    const { boom, wait, list } = await start()
    const header = [wait.s(), boom.s('first').set({ onError: 'ignore' }), boom.s('a').set({ onError: 'cancel' })]
    const sent = await chord(header, list.s()).delay()
    await expect(sent.get({ timeout: '20s' })).rejects.toThrow(/RangeError\('a'\)/)
    const [waiting] = (sent.parent as unknown as GroupResult<number[]>).members as readonly AsyncResult[]
    await until(async () => (await waiting?.state()) === 'REVOKED')
  })
})

describe('the form', () => {
  const lab = useLab('memory')

  test('the body has runs of places; they do not reach its task', async () => {
    const app = lab().app()
    const { value, list } = makeTasks(app)
    const seen = app.task('seen', (_: readonly unknown[]) => currentTask()?.headers ?? {})
    const ignored = value.s(1).set({ onError: 'ignore', headers: { mine: 1 } })
    expect(ignored.toJSON().options.headers).toEqual({ mine: 1, celeriac_member_on_error: 'ignore' })
    await lab().work(app)
    const header = [ignored, value.s(2), ignored, chain(group([ignored, ignored]), list.s())]
    const headers = await chord(header, seen.s()).delay().get({ timeout: '20s' })
    expect(Object.keys(headers)).not.toContainEqual(expect.stringMatching(/on_error/))
  })

  test('members side by side that have the same are one run', () => {
    const policies = ['ignore', 'ignore', undefined, 'collect', 'ignore'] as const
    const runs = onErrorRuns(policies)
    expect(runs).toEqual([
      [0, 1, 'ignore'],
      [3, 3, 'collect'],
      [4, 4, 'ignore'],
    ])
    const body = { options: { headers: { celeriac_on_error: 'cancel', celeriac_members_on_error: runs } } }
    const onError = new ChordOnError(body)
    expect([0, 1, 2, 3, 4, 5, undefined].map((index) => onError.of(index))).toEqual([
      ...['ignore', 'ignore', 'cancel', 'collect', 'ignore', 'cancel', 'cancel'],
    ])
  })

  test('what is no run is left out, since any program may have written it', () => {
    for (const runs of [7, 'x', null, {}, [7, null, ['a', 1, 'ignore'], [0, 0, 'never'], [0, 0.5, 'ignore'], [0]]])
      expect(new ChordOnError({ options: { headers: { celeriac_members_on_error: runs } } }).of(0)).toBe('fail')
  })

  test('refused: where there is no chord, in the middle of a chain, of another form, and too many runs', () => {
    const { value, list } = makeTasks(lab().app())
    const ignored = value.s(1).set({ onError: 'ignore' })
    expect(() => ignored.delay()).toThrow('value: onError: expected a member of the header of a chord')
    expect(() => group([ignored]).delay()).toThrow(ArgumentError)
    expect(() => chord([value.s(1)], list.s().set({ onError: 'ignore' })).delay()).toThrow('list: onError')
    expect(() => chord([chain(ignored, value.s())], list.s()).delay()).toThrow('value: onError')
    expect(() => value.s(1).set({ onError: 'never' as never })).toThrow('onError: expected one of fail, cancel')
    const many = Array.from({ length: 202 }, (_, n) => (n % 2 ? value.s(n) : ignored))
    expect(() => chord(many, list.s()).delay()).toThrow('expected at most 100 runs of members')
  })
})
