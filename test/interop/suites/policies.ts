import { describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { AnyValue } from '../../../src/calls/signatureFrom.ts'
import { chain, chord, type Signature } from '../../../src/calls/workflow.ts'
import { isFull } from '../../tier.ts'
import { eventually } from '../../wait.ts'
import type { PythonClient, PythonResult } from '../celery.ts'
import type { Fleet } from '../fleet.ts'

/** What the workers and clients are, once they run. */
export interface Scene {
  readonly fleet: Fleet
  readonly app: App
  readonly python: PythonClient
  /** Resolves when this many parts of the open chord have come. */
  partsOf(count: number): Promise<void>
}

/** Workflows of ours whose members are run by workers of both kinds: what Celery 5.2 does not know of them. */
export function policies(scene: () => Scene): void {
  function call(task: string, ...args: unknown[]): Signature<AnyValue, AnyValue> {
    const queue = task.startsWith('py.') ? 'python' : 'typescript'
    return scene().app.signature(task, args).set({ queue })
  }

  async function noted(line: string): Promise<void> {
    await eventually(
      () => scene().fleet.lines('notes'),
      (lines) => lines.includes(line),
    )
  }

  describe('onError, where a member of Python fails', () => {
    const taskId = expect.any(String)
    const rejected = { status: 'rejected', reason: { type: 'ValueError', message: 'broken', taskId } }

    /** Send it, let Python's part come, then ours. */
    async function lastOurs(header: readonly Signature<AnyValue, AnyValue>[], options: object): Promise<unknown> {
      const { fleet, partsOf } = scene()
      const sent = await chord([...header, call('ts.gated', 'last')], call('ts.echo'), options).delay()
      await partsOf(header.length)
      await fleet.open('last')
      return sent.get({ timeout: '60s' })
    }

    test('collect: the body gets its end', async () => {
      const ended = await lastOurs([call('py.fail', 'broken'), call('py.add', 1, 1)], { onError: 'collect' })
      expect(ended).toEqual([[rejected, { status: 'fulfilled', value: 2 }, { status: 'fulfilled', value: 'last' }]])
    })

    test('ignore: the body gets the others', async () => {
      const header = [call('py.fail', 'broken'), call('py.add', 1, 1)]
      expect(await lastOurs(header, { onError: 'ignore' })).toEqual([[2, 'last']])
    })

    test('its own onError', async () => {
      const header = [
        call('py.fail', 'broken').set({ onError: 'ignore' }),
        call('py.fail', 'broken').set({ onError: 'collect' }) as Signature<AnyValue, AnyValue>,
        call('py.add', 1, 1),
      ]
      expect(await lastOurs(header, {})).toEqual([[rejected, 2, 'last']])
    })

    test('cancel: the chord fails when all members have ended, since Python does not know it', async () => {
      const header = [call('py.fail', 'broken')]
      await expect(lastOurs(header, { onError: 'cancel' })).rejects.toThrow(/Dependency \S+ raised ValueError/)
    })

    test('cancel: a member of ours that fails ends the chord, while one of Python runs', async () => {
      const { fleet } = scene()
      const header = [call('py.gated', 'cancelled'), call('ts.fail', 'broken')]
      const sent = await chord(header, call('ts.echo'), { onError: 'cancel' }).delay()
      await expect(sent.get({ timeout: '60s' })).rejects.toThrow(/Dependency \S+ raised TypeError/)
      await fleet.open('cancelled')
    })

    // The sweep looks after some seconds.
    if (!isFull) return
    test('the last part is that of Python: the same, some seconds later', async () => {
      const { fleet, partsOf } = scene()
      const header = [call('py.fail', 'broken'), call('py.gated', 'last of python'), call('ts.add', 1, 1)]
      const sent = await chord(header, call('ts.echo'), { onError: 'collect' }).delay()
      await partsOf(2)
      await fleet.open('last of python')
      const [fulfilled, two] = ['last of python', 2].map((value) => ({ status: 'fulfilled', value }))
      expect(await sent.get({ timeout: '60s' })).toEqual([[rejected, fulfilled, two]])
    })

    test('all members are those of Python', async () => {
      const header = [call('py.fail', 'broken').set({ onError: 'ignore' }), call('py.add', 1, 1)]
      const [one, other] = [
        await chord(header, call('ts.echo')).delay(),
        await chain(
          call('ts.add', 1, 1),
          chord([call('py.fail'), call('py.add', 1)], call('ts.echo'), { onError: 'ignore' }),
        ).delay(),
      ]
      expect(await one.get({ timeout: '60s' })).toEqual([[2]])
      expect(await other.get({ timeout: '60s' })).toEqual([[3]])
    })
  })

  test('after: a call that follows calls of both kinds, without their results', async () => {
    const last = call('ts.echo', 'done').after(call('py.add', 1, 1), chain(call('py.add', 2, 2), call('ts.add', 1)))
    expect(await last.delay().get({ timeout: '60s' })).toEqual(['done'])
  })

  describe('errbacks', () => {
    test('ours of a task of ours, and of one of Python, which does not say what failed', async () => {
      await call('ts.fail', 'broken').linkError(call('ts.failed', 'ours')).delay()
      await call('py.fail', 'broken').linkError(call('ts.failed', 'of python')).delay()
      await noted('ts.failed ours: ts.fail TypeError')
      await noted('ts.failed of python: none')
    })

    test('of Python of a task of ours', async () => {
      const sent = await call('ts.fail', 'broken').linkError(call('py.note', 'failed')).delay()
      await noted(`py.note ${sent.id} failed`)
    })
  })

  test('stamps: each task of ours has them, also one that Celery 5.2 sends, which passes on headers', async () => {
    const stamps = { order: 'A-17', more: [1] }
    const header = [call('ts.message'), call('py.add', 1, 1), chain(call('py.add', 1, 2), call('ts.message'))]
    const flow = chain(chord(header, call('py.echo')), call('ts.message').set({ stamps: { order: 'own' } }))
    const sent = flow.applyAsync([], { stamps })
    // What the last step gets is what the body has made of the results of the header.
    const { args, stamps: last } = (await sent.get({ timeout: '60s' })) as { args: unknown[]; stamps: unknown }
    expect(last).toEqual({ order: 'own', more: [1] })
    const [[first, , second]] = (args[0] as { args: [readonly { stamps: unknown }[]] }).args
    expect([first?.stamps, second?.stamps]).toEqual([stamps, stamps])
  })

  test('tasks of Celery itself, called by Python', async () => {
    const { python } = scene()
    const run = (task: string, args: unknown[] = [], kwargs = {}): Promise<PythonResult> =>
      python.run(task, args, { kwargs, queue: 'typescript' })
    const sign = (task: string, args: unknown[], task_id: string): object => {
      return { task, args, kwargs: {}, options: { task_id, queue: 'typescript' }, subtask_type: null, immutable: false }
    }
    expect(await run('celery.accumulate', [[1, 2]], { index: 0 })).toMatchObject({ result: [1, 2] })
    expect(await run('celery.accumulate', [[1, 2]])).toMatchObject({ result: [[1, 2]] })
    expect(await run('celery.backend_cleanup')).toMatchObject({ status: 'SUCCESS', result: null })
    const result = [['of group', null], [[['group-1', null], null]]]
    const tasks = [sign('ts.add', [1], 'group-1')]
    await run('celery.group', [], { tasks, result, group_id: 'of group', partial_args: [10] })
    expect(await python.get('group-1')).toMatchObject({ result: 11 })
    const header = [sign('ts.add', [1], 'chord-1'), sign('ts.add', [2], 'chord-2')]
    await run('celery.chord', [], { header, body: sign('ts.total', [], 'chord-body'), partial_args: [10] })
    expect(await python.get('chord-body')).toMatchObject({ result: 23 })
    expect(await run('celery.chain')).toMatchObject({
      status: 'FAILURE',
      error: { text: expect.stringMatching('is no task') },
    })
  })
}
