import { describe, expect, it } from 'vitest'
import { type FollowUp, NOTHING_FOLLOWS } from '../../src/backend/followUp.ts'
import type { Extension } from '../../src/calls/extension.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { onEachStore, until, useLab } from '../app/lab.ts'
import { deadIn } from '../deadLetters.ts'
import { storesOf } from './stores.ts'

/** The task `next`, with the state of the ended task, follows from each call with the option. */
const followUp: FollowUp = ({ meta, headers, message, queue }) => {
  if (message?.task === 'kept' && meta.status === 'FAILURE') return { ...NOTHING_FOLLOWS, deadLetter: true }
  if (headers.tested === undefined) return NOTHING_FOLLOWS
  const id = `after ${meta.task_id}`
  const next = {
    id,
    task: 'next',
    args: [meta.status, headers.tested],
    kwargs: {},
    embed: NOTHING_EMBEDDED,
    retries: 0,
    rootId: id,
    ignoreResult: false,
    headers: {},
  }
  const route = { exchange: '', routingKey: queue }
  return { publish: [{ envelope: encodeTask(next, 'json'), route }], also: [], children: [id] }
}

const extension: Extension = {
  option: 'webhook',
  followers: () => [],
  headers: (value, task) => {
    if (value === 'wrong') throw new ArgumentError(`task ${task}: refused`)
    return { tested: value }
  },
  followUp,
}

onEachStore((lab, kind) => {
  it('what follows by an extension is sent at each end, by the worker and by revoke', async () => {
    const app = lab().app()
    app.extensions.push(extension)
    const calls: unknown[][] = []
    app.task('next', (...args: unknown[]) => calls.push(args))
    app.task('good', () => 1)
    app.task('bad', () => Promise.reject(new RangeError('no')))
    app.task('kept', () => Promise.reject(new RangeError('no')))
    const revoked = await app.send('good', [], {
      webhook: 'revoked',
      countdown: kind === 'rabbitmq' ? undefined : '1h',
    })
    await revoked.revoke()
    const good = await app.send('good', [], { webhook: 'good' })
    await app.send('bad', [], { webhook: 'bad' })
    await app.send('unknown', [], { webhook: 'unknown' })
    await app.send('good')
    await app.send('kept')
    await lab().work(app)
    await until(() => calls.length === 4)
    expect(calls.sort()).toEqual([
      ['FAILURE', 'bad'],
      ['FAILURE', 'unknown'],
      ['REVOKED', 'revoked'],
      ['SUCCESS', 'good'],
    ])
    await good.get()
    expect((await good.info())?.children).toEqual([`after ${good.id}`])
    // The task of an unknown name, and the one whose rule keeps it.
    await until(async () => (await deadIn(app)) === 2)
  })
})

describe('the option of an extension', () => {
  const lab = useLab('memory')

  it('is refused by an app that does not implement it, and by the extension', async () => {
    const app = lab().app()
    const webhook = 'https://example.com'
    expect(() => app.send('good', [], { webhook })).toThrow(
      'task good: webhook: expected a Celeriac, got an App without this option',
    )
    app.extensions.push(extension)
    expect(() => app.send('good', [], { webhook: 'wrong' })).toThrow('task good: refused')
    const { id } = await app.send('good', [], { webhook, headers: { own: 1 }, retry: 2 })
    const { broker } = await storesOf(app)
    const delivery = await broker.take?.(id, 'celery')
    expect(delivery?.envelope.headers).toMatchObject({ tested: webhook, own: 1 })
  })
})
