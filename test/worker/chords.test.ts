import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { GroupResult } from '../../src/calls/groupResult.ts'
import type { JobInfo } from '../../src/calls/jobInfo.ts'
import { chord } from '../../src/calls/workflow.ts'
import { readBodyCall } from '../../src/canvas/chordParts.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../../src/protocol/message.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { isFinal } from '../../src/protocol/states.ts'
import { DecodeError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { ManualClock } from '../beat/clock.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { inFull } from '../tier.ts'

/* How the ends of members become parts, and what follows from the last: messages as a client of Celery sends them. */

let app: App
let bodies: unknown[][]
let errbacks: unknown[]

function useWorker(lab: () => Lab): void {
  beforeEach(async () => {
    bodies = []
    errbacks = []
    app = appOf(lab())
    await lab().work(app)
  })
}

function appOf(lab: Lab, options: CeleriacOptions = {}): App {
  const own = lab.app(options)
  own.task('value', (value: unknown) => value)
  own.task('boom', (words: string) => Promise.reject(new RangeError(words)))
  own.task('body', (...args: unknown[]) => {
    bodies.push([currentTask()?.id, ...args])
    return args
  })
  own.task('errback', (id: string) => void errbacks.push(id))
  return own
}

const sig = (task: string, options: SignatureData['options'] = {}, args: readonly unknown[] = []): SignatureData => {
  return { task, args, kwargs: {}, options, subtask_type: null, immutable: false }
}

/** Send a header as Celery does: `.s` first, then each member with the body. */
async function sendHeader(
  group: string,
  body: SignatureData,
  members: readonly (Partial<TaskMessage> & { chain?: readonly SignatureData[] })[],
): Promise<void> {
  const { broker, unitOfWork } = await storesOf(app)
  await unitOfWork.submitGroup?.([], [{ group, size: members.length }])
  for (const [at, { chain = null, ...member }] of members.entries()) {
    const isChain = chain !== null
    const message: TaskMessage = {
      id: `${group}-${at}`,
      task: 'value',
      args: [at],
      kwargs: {},
      retries: 0,
      rootId: `${group}-root`,
      ignoreResult: false,
      headers: {},
      group: isChain ? undefined : group,
      groupIndex: isChain ? undefined : at,
      embed: { ...NOTHING_EMBEDDED, chain, chord: isChain ? null : body },
      ...member,
    }
    const { headers, ...envelope } = encodeTask({ ...message, headers: {} }, 'json')
    await broker.publish({ ...envelope, headers: { ...headers, ...member.headers } }, route)
  }
}
const route = { exchange: '', routingKey: 'celery' }

function ended(id: string): Promise<JobInfo> {
  return until(async () => {
    const info = await app.result(id).info()
    if (!info || !isFinal(info.state)) throw new Error(`${id} has not ended`)
    return info
  })
}

async function isForgotten(group: string): Promise<void> {
  const { backend } = await storesOf(app)
  await until(async () => (await backend.chords?.progress(group)) === undefined)
}

/** What holds on every store that has messages and results. */
function chords(lab: () => Lab, isShared: boolean): void {
  useWorker(lab)

  test('the body gets the results in the order of the header, before its own arguments', async () => {
    await sendHeader('g', sig('body', { task_id: 'g-body' }, ['own']), [{}, { args: [null] }, { args: [{ a: [1.5] }] }])
    expect(await ended('g-body')).toMatchObject({ state: 'SUCCESS', result: [[0, null, { a: [1.5] }], 'own'] })
    expect(bodies).toEqual([['g-body', [0, null, { a: [1.5] }], 'own']])
    await isForgotten('g')
  })

  test('members that keep no record are parts all the same', async () => {
    await sendHeader('g', sig('body', { task_id: 'g-body' }), [{ ignoreResult: true }, { ignoreResult: true }])
    expect(await ended('g-body')).toMatchObject({ result: [[0, 1]] })
    expect(await app.result('g-0').info()).toBeUndefined()
  })

  test('a body without an id gets the same one, whoever sends it', async () => {
    await sendHeader('g', sig('body'), [{}])
    const [[id]] = (await until(() => bodies.length > 0 && bodies)) as [[string]]
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('a body that is a workflow', async () => {
    const chain = [sig('value', { task_id: 'first' }), sig('body', { task_id: 'last' })]
    const body: SignatureData = { ...sig('celery.chain'), subtask_type: 'chain', kwargs: { tasks: chain } }
    await sendHeader('g', body, [{}, {}])
    expect(await ended('last')).toMatchObject({ state: 'SUCCESS', result: [[0, 1]] })
    expect(await ended('first')).toMatchObject({ state: 'SUCCESS' })
  })

  describe('a member that does not succeed: ChordError names it, when all the others have ended', () => {
    const cases: [string, Parameters<typeof sendHeader>[2][number], RegExp, string?][] = [
      ['a failure', { task: 'boom', args: ['no'] }, /^Dependency g-1 raised RangeError\('no'\)$/],
      ['an unknown task', { task: 'of.tomorrow' }, /^Dependency g-1 raised NotRegistered\(/],
      [
        'one that has expired',
        { expires: '2001-01-01T00:00:00+00:00' },
        /^Dependency g-1 raised TaskRevokedError\('expired'\)$/,
      ],
      ['one that cannot be decoded', { headers: { retries: 'x' } }, /^Dependency g-1 raised DecodeError\(/],
      ['a link that cannot be sent', { embed: undefined as never }, /^Dependency g-1 raised ArgumentError\(/],
    ]
    test.each(cases)('%s', async (name, member, message) => {
      const body = sig('body', {
        task_id: 'g-body',
        link_error: [sig('errback')],
        link: [sig('body', { task_id: 'linked' })],
      })
      const links = { ...NOTHING_EMBEDDED, chord: body, callbacks: [sig('value', { queue: 5 })] }
      const own = name === 'a link that cannot be sent' ? { ...member, embed: links } : member
      await sendHeader('g', body, [{}, own, {}])
      const error = { type: 'ChordError', message: expect.stringMatching(message) }
      expect(await ended('g-body')).toMatchObject({ state: 'FAILURE', error })
      expect(await ended('linked')).toMatchObject({ state: 'FAILURE', error })
      for (const id of ['g-0', 'g-2']) expect(await ended(id)).toMatchObject({ state: 'SUCCESS' })
      await until(() => errbacks.length > 0)
      expect(errbacks).toEqual(['g-body'])
      expect(bodies).toEqual([])
      await isForgotten('g')
    })

    test('a revoked one', async () => {
      await app.result('g-1').revoke()
      await sendHeader('g', sig('body', { task_id: 'g-body' }), [{}, {}])
      const message = "Dependency g-1 raised TaskRevokedError('revoked')"
      expect(await ended('g-body')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError', message } })
    })

    test('one that is revoked while it waits, and the rest of its chain', async ({ skip }) => {
      if (lab().kind === 'rabbitmq') skip('it ends when it is due: no message is found in a queue')
      const later = new Date(Date.now() + 3_600_000).toISOString().replace('Z', '000+00:00')
      const body = sig('body', { task_id: 'g-body' })
      const last = sig('value', { task_id: 'g-last', group_id: 'g', group_index: 1, chord: body })
      await sendHeader('g', body, [{}, { eta: later, chain: [last, sig('value', { task_id: 'middle' })] }])
      await app.result('g-1').revoke()
      const message = "Dependency g-last raised TaskRevokedError('revoked')"
      expect(await ended('g-body')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError', message } })
      for (const id of ['g-1', 'middle', 'g-last']) expect(await ended(id)).toMatchObject({ state: 'REVOKED' })
    })

    test('a chain that fails early: its last step is the part', async () => {
      const body = sig('body', { task_id: 'g-body' })
      const last = sig('value', { task_id: 'g-last', group_id: 'g', group_index: 1, chord: body })
      const chain = [last, sig('value', { task_id: 'middle' })]
      await sendHeader('g', body, [{}, { task: 'boom', args: ['early'], chain }])
      const message = "Dependency g-last raised RangeError('early')"
      expect(await ended('g-body')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError', message } })
      for (const id of ['middle', 'g-last']) expect(await ended(id)).toMatchObject({ state: 'FAILURE' })
    })

    test('a chord as a member of a header: its failed body is a part of the outer one', async () => {
      const outer = sig('body', { task_id: 'outer' })
      const inner = sig('body', { task_id: 'inner', group_id: 'out', group_index: 0, chord: outer })
      const { unitOfWork } = await storesOf(app)
      await unitOfWork.submitGroup?.([], [{ group: 'out', size: 1 }])
      await sendHeader('in', inner, [{ task: 'boom', args: ['deep'] }, {}])
      expect(await ended('inner')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError' } })
      const message = expect.stringMatching(/^Dependency inner raised ChordError\(/)
      expect(await ended('outer')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError', message } })
    })
  })

  test('a body that cannot be sent is a ChordError that says why', async () => {
    await sendHeader('g', sig('body', { task_id: 'g-body', countdown: 'soon' }), [{}])
    const message = expect.stringMatching(/cannot be sent: .*countdown/)
    expect(await ended('g-body')).toMatchObject({ state: 'FAILURE', error: { type: 'ChordError', message } })
    await isForgotten('g')
  })

  test('a body of an unknown kind names no task: the chord is closed', async () => {
    await sendHeader('g', { ...sig('of.tomorrow', { task_id: 'g-body' }), subtask_type: 'unheard' }, [{}])
    await isForgotten('g')
    expect(await app.result('g-body').info()).toBeUndefined()
  })

  if (!isShared)
    test('one that is complete before a worker listens', async () => {
      const own = lab().app()
      const value = own.task('value', (one: number) => one)
      const all = own.task('all', (list: readonly number[]) => list)
      const sent = await chord([value.s(1), value.s(2)], all.s()).delay()
      await (sent.parent as GroupResult<unknown>).revoke()
      await lab().work(own)
      await expect(sent.get({ timeout: '60s' })).rejects.toMatchObject({ type: 'ChordError' })
    })

  // Nothing is left in the memory of a process that dies.
  if (!isShared) return

  test.each([
    ['cannot be read', 'not JSON'],
    ['has a body of an unknown kind', '{"id":"x","rootId":"x","body":{"task":"a","subtask_type":"unheard"}}'],
  ])('a failed one that a dead worker left, and whose callback %s, is closed', async (_, callback) => {
    const clock = new ManualClock(Date.now())
    app = appOf(lab(), { clock })
    const { backend, unitOfWork } = await storesOf(app)
    const part = { group: 'dead', index: 0, taskId: 'x', state: 'REVOKED', result: null, callback } as const
    await unitOfWork.write({ opens: [{ group: 'dead', size: 1 }] })
    await unitOfWork.write({ parts: [part] })
    const worker = await lab().work(app)
    await until(async () => {
      clock.advance(5000)
      return (await backend.chords?.progress('dead')) === undefined
    })
    await worker.stop()
  })

  test('chords that a dead worker left are joined by another one', async () => {
    const clock = new ManualClock(Date.now())
    app = appOf(lab(), { clock })
    const { backend, unitOfWork } = await storesOf(app)
    const callback = JSON.stringify({ body: sig('body', { task_id: 'left' }), id: 'x', rootId: 'x' })
    const part = { group: 'dead', index: 0, taskId: 'x', state: 'SUCCESS', result: 7, callback } as const
    await unitOfWork.write({ opens: [{ group: 'dead', size: 1 }] })
    await unitOfWork.write({ parts: [part] })
    expect(await backend.chords?.complete(clock.now() + 1, 10)).toEqual([{ group: 'dead', callback }])
    await lab().work(app)
    await until(() => {
      clock.advance(5000)
      return bodies.length > 0
    })
    expect(bodies).toEqual([['left', [7]]])
    await isForgotten('dead')
  })
}

describe.each(['memory', 'sqlite'] as const)('in %s', (kind) => chords(useLab(kind), kind !== 'memory'))

describe.each(inFull('rabbitmq' as const))('on %s, with results in a file', (kind) =>
  chords(useLab(kind, emptyRabbit), true),
)

describe('on redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server?.stop())
  chords(
    useLab('redis', async () => {
      await server.cli('FLUSHALL')
      return server.url()
    }),
    true,
  )
})

test('a callback of another shape is refused', () => {
  expect(() => readBodyCall('{"id": "x"}')).toThrow(DecodeError)
  expect(() => readBodyCall('{"id": "x", "rootId": "x", "body": 5}')).toThrow(DecodeError)
  expect(() => readBodyCall('not JSON')).toThrow(DecodeError)
})
