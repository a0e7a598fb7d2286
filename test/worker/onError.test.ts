import { describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { GroupResult } from '../../src/calls/groupResult.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import type { MemberEnd } from '../../src/protocol/onError.ts'
import { isFinal } from '../../src/protocol/states.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onEachStore, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { ManualClock } from '../beat/clock.ts'

/* `onError` of a chord: what becomes of it if a member does not succeed. */

type Tasks = ReturnType<typeof makeTasks>

function makeTasks(app: App) {
  return {
    value: app.task('value', (n: number) => n),
    boom: app.task('boom', (words: string): number => {
      throw new RangeError(words)
    }),
    wait: app.task('wait', async (n: number) => {
      const { signal } = currentTask() as { signal: AbortSignal }
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      return n
    }),
    ends: app.task('ends', (list: readonly MemberEnd<number>[]) => list),
    sum: app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0)),
    list: app.task('list', (all: readonly unknown[]) => all),
    failed: app.task('failed', (id: string) => id),
  }
}

/** The state in which it ends. */
async function lastState(app: App, id: string): Promise<string> {
  return until(async () => {
    const info = await app.result(id).info()
    if (!info || !isFinal(info.state)) throw new Error(`${id} has not ended`)
    return info.state
  })
}

/** Ids of the members of a header. */
function membersOf({ parent }: { readonly parent?: unknown }): readonly string[] {
  return (parent as GroupResult<number[]>).members.map((one) => (one as { readonly id: string }).id)
}

function bodies(start: () => Promise<{ app: App; tasks: Tasks }>): void {
  test('collect: the body gets the end of each member, in the form of Promise.allSettled', async () => {
    const { app, tasks } = await start()
    const { value, boom, ends } = tasks
    const joined: unknown[] = []
    app.on('chord:success', (event) => joined.push(event))
    const sent = await chord([value.s(1), boom.s('no'), value.s(3)], ends.s(), { onError: 'collect' }).delay()
    const [, taskId] = membersOf(sent)
    expect(await sent.get({ timeout: '20s' })).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: { type: 'RangeError', message: 'no', taskId } },
      { status: 'fulfilled', value: 3 },
    ])
    if (app.config.alwaysEager) return
    await until(() => joined.length > 0)
    expect(joined).toEqual([{ group: expect.any(String), id: sent.id }])
  })

  test('collect: a chain that fails early is one end; a body that is a chain gets the ends', async () => {
    const { value, boom, list } = (await start()).tasks
    const sent = await chain(
      group([chain(boom.s('early'), value.s()), value.s(2)], { onError: 'collect' }),
      list.s(),
      list.s(),
    ).delay()
    const reason = expect.objectContaining({ type: 'RangeError', message: 'early' })
    expect(await sent.get({ timeout: '20s' })).toEqual([
      { status: 'rejected', reason },
      { status: 'fulfilled', value: 2 },
    ])
  })

  test('ignore: the body gets the results of those that have succeeded', async () => {
    const { value, boom, sum } = (await start()).tasks
    expect(
      await chord([value.s(1), boom.s('no'), value.s(3)], sum.s(), { onError: 'ignore' })
        .delay()
        .get(),
    ).toBe(4)
    expect(
      await chord([boom.s('a'), boom.s('b')], sum.s(), { onError: 'ignore' })
        .delay()
        .get(),
    ).toBe(0)
    expect(await chord([], sum.s(), { onError: 'ignore' }).delay().get()).toBe(0)
  })

  test('each chord has its own: an inner one is not that of the chord around it', async () => {
    const { value, boom, list, sum } = (await start()).tasks
    const inner = chord([value.s(1), boom.s('no')], sum.s(), { onError: 'ignore' })
    expect(
      await chord([inner, value.s(5)], list.s())
        .delay()
        .get({ timeout: '20s' }),
    ).toEqual([1, 5])
    const failing = chord([value.s(1), boom.s('no')], sum.s())
    const sent = await chord([failing, value.s(5)], chain(group([list.s()]), list.s()), { onError: 'collect' }).delay()
    expect(await sent.get({ timeout: '20s' })).toEqual([
      [
        { status: 'rejected', reason: expect.objectContaining({ type: 'ChordError' }) },
        { status: 'fulfilled', value: 5 },
      ],
    ])
  })
}

describe('in eager mode', () => {
  const lab = useLab('memory')
  const start = async (): Promise<{ app: App; tasks: Tasks }> => {
    const app = lab().app({ alwaysEager: true })
    return { app, tasks: makeTasks(app) }
  }
  bodies(start)

  test('cancel: the members after the first that fails do not run', async () => {
    const { app, tasks } = await start()
    const { value, boom, list } = tasks
    const sent = await chord([value.s(1), boom.s('no'), value.s(3)], list.s(), { onError: 'cancel' }).delay()
    await expect(sent.get()).rejects.toMatchObject({ type: 'ChordError' })
    const states = membersOf(sent).map((id) => lastState(app, id))
    expect(await Promise.all(states)).toEqual(['SUCCESS', 'FAILURE', 'REVOKED'])
  })
})

onEachStore((lab, kind) => {
  const start = async (): Promise<{ app: App; tasks: Tasks }> => {
    const app = lab().app()
    const tasks = makeTasks(app)
    await lab().work(app, { concurrency: 3 })
    return { app, tasks }
  }
  bodies(start)

  test('cancel: it fails at once; members that run are stopped, those that wait do not run', async () => {
    const { app, tasks } = await start()
    const { boom, wait, value, list, failed } = tasks
    const body = list.s().linkError(failed.s().set({ taskId: 'errback' }))
    const later = value.s(1).set({ countdown: '2s' })
    const sent = await chord([wait.s(1), later, boom.s('no')], body, { onError: 'cancel' }).delay()
    await expect(sent.get({ timeout: '20s' })).rejects.toMatchObject({
      type: 'ChordError',
      message: expect.stringMatching(/^Dependency \S+ raised RangeError\('no'\)$/),
    })
    expect(await app.result('errback').get({ timeout: '20s' })).toBe(sent.id)
    const [first, second] = membersOf(sent) as [string, string]
    expect(await lastState(app, first)).toBe('REVOKED')
    expect(await lastState(app, second)).toBe('REVOKED')
  })

  test('cancel: the first step of a chain is a member', async () => {
    const { app, tasks } = await start()
    const { boom, wait, value, list } = tasks
    const sent = await chord([chain(wait.s(1), value.s()), boom.s('no')], list.s(), { onError: 'cancel' }).delay()
    await expect(sent.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'ChordError' })
    const [member] = membersOf(sent) as [string]
    expect(await lastState(app, member)).toBe('REVOKED')
  })

  if (kind !== 'memory')
    test('cancel: a worker that dies between the failed part and the rest leaves both to another one', async () => {
      const clock = new ManualClock(Date.now())
      const app = lab().app({ clock })
      makeTasks(app)
      const { backend, unitOfWork } = await storesOf(app)
      const options = { task_id: 'left', headers: { celeriac_on_error: 'cancel' } }
      const body = { task: 'list', args: [], kwargs: {}, options, subtask_type: null, immutable: false }
      const callback = JSON.stringify({ body, id: 'x', rootId: 'x' })
      const result = { exc_type: 'RangeError', exc_message: ['no'], exc_module: 'builtins' }
      const part = { group: 'dead', index: 0, taskId: 'x', state: 'FAILURE', result, callback, ends: true } as const
      await unitOfWork.write({ opens: [{ group: 'dead', size: 2 }] })
      await unitOfWork.write({ parts: [part] })
      expect(await backend.chords?.complete(clock.now() + 1, 10)).toEqual([{ group: 'dead', callback }])
      await lab().work(app)
      await until(async () => {
        clock.advance(5000)
        return (await backend.chords?.progress('dead')) === undefined
      })
      expect(await app.result('left').info()).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError' } })
      expect(await backend.revoked.all()).toContain('dead')
    })
})

describe('what cannot be', () => {
  const lab = useLab('memory')

  test('an unknown value, an unknown option, one of header and body, one of a group that nothing follows', async () => {
    const { value, list } = makeTasks(lab().app())
    expect(() => chord([value.s(1)], list.s(), { onError: 'stop' as never })).toThrow(
      new ArgumentError('chord: onError: expected one of fail, cancel, collect, ignore, got "stop"'),
    )
    expect(() => group([value.s(1)], { onErrors: 'fail' } as never)).toThrow(ArgumentError)
    const collected = group([value.s(1)], { onError: 'collect' })
    expect(() => chord(collected, list.s() as never, { onError: 'cancel' })).toThrow(/expected it once/)
    expect(() => collected.delay()).toThrow(/^group: onError: expected a body/)
    expect(() => chord([collected, value.s(2)], list.s()).delay()).toThrow(/^group: onError: expected a body/)
  })
})
