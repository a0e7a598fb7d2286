import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { JobInfo } from '../../src/calls/jobInfo.ts'
import { afterSuccess, linkProblem } from '../../src/canvas/advance.ts'
import { encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../../src/protocol/message.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { isFinal } from '../../src/protocol/states.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, next, onFewStores, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { deadIn } from '../deadLetters.ts'

function sig(task: string, parts: Partial<SignatureData> = {}): SignatureData {
  return { task, args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false, ...parts }
}

function messageOf(
  parts: Partial<Omit<TaskMessage, 'embed'>> & { embed?: Partial<TaskMessage['embed']> },
): TaskMessage {
  const { embed, ...fields } = parts
  return {
    id: 'parent',
    task: 'add',
    args: [],
    kwargs: {},
    retries: 0,
    rootId: 'root',
    ignoreResult: false,
    headers: {},
    ...fields,
    embed: embed ? { ...NOTHING_EMBEDDED, ...embed } : NOTHING_EMBEDDED,
  }
}

/** Send what a Celery client would. */
async function send(app: App, message: TaskMessage): Promise<void> {
  const { broker } = await storesOf(app)
  await broker.publish(encodeTask(message, 'json'), { exchange: '', routingKey: 'celery' })
}

/** The app of these tests, and what its tasks were called with. */
function calculator(app: App): { calls: [string, unknown[], string | undefined, string | undefined][] } {
  const calls: [string, unknown[], string | undefined, string | undefined][] = []
  const note = (name: string, args: unknown[]): void => {
    const { id, parentId, rootId } = currentTask() ?? {}
    calls.push([`${name}[${id}]`, args, parentId, rootId])
  }
  app.task('add', (...numbers: number[]) => {
    note('add', numbers)
    return numbers.reduce((sum, one) => sum + one, 0)
  })
  app.task('note', (...args: unknown[]) => note('note', args))
  app.task('boom', () => Promise.reject(new RangeError('no such thing')))
  return { calls }
}

function ended(app: App, id: string): Promise<JobInfo> {
  return until(async () => {
    const info = await app.result(id).info()
    if (!info || !isFinal(info.state)) throw new Error(`${id} has not ended`)
    return info
  })
}

/** Tasks that cannot run, or whose links cannot be followed: `joins` where the store joins chords. */
function refusals(lab: () => Lab, joins: boolean): void {
  const appOf = (): App => lab().app(joins ? {} : { backend: 'memory:' })

  it('whatever is refused, every id that its links name ends with it', async () => {
    const app = appOf()
    calculator(app)
    await lab().work(app)
    const one = (task_id: string, parts: Partial<SignatureData> = {}) =>
      sig('add', { ...parts, options: { task_id, ...parts.options } })
    const group = (...tasks: SignatureData[]) => sig('celery.group', { subtask_type: 'group', kwargs: { tasks } })
    // As Python sends a member of `group | task | group`: the last group is in the chain of the chord's body.
    const body = one('body', { options: { chain: [group(one('last-1'), one('last-2'))], link: one('linked') } })
    const nested = sig('celery.chord', {
      subtask_type: 'chord',
      kwargs: { header: group(one('header')), body: one('inner', { options: { chord: one('outer') } }) },
    })
    const embed = { chord: body, callbacks: [one('callback')], errbacks: [one('errback')], chain: [nested] }
    const ids = ['body', 'last-1', 'last-2', 'linked', 'header', 'inner', 'outer', 'callback', 'errback']
    const refusals: [string, Partial<TaskMessage>][] = [
      ...(joins ? [] : ([['unsupported', {}]] as [string, Partial<TaskMessage>][])),
      ['unknown', { task: 'of.tomorrow' }],
      ['undecodable', { headers: { retries: 'x' } }],
    ]
    for (const [id, parts] of refusals) {
      const named = JSON.parse(JSON.stringify(embed).replaceAll('"task_id":"', `"task_id":"${id} `)) as typeof embed
      const message = messageOf({ id, embed: named, ...parts, headers: {} })
      const envelope = encodeTask(message, 'json')
      const { broker } = await storesOf(app)
      const headers = { ...envelope.headers, ...parts.headers }
      await broker.publish({ ...envelope, headers }, { exchange: '', routingKey: 'celery' })
      // Its links can be followed where the store joins chords: a failure sends its errbacks.
      const sent = joins ? ['unknown errback'] : []
      for (const waited of [id, ...ids.map((name) => `${id} ${name}`)]) {
        const state = sent.includes(waited) ? 'SUCCESS' : 'FAILURE'
        expect(await ended(app, waited), waited).toMatchObject({ state })
      }
    }
  })

  if (joins) return

  it('a chord is refused before its task runs, and kept, where the store does not join it', async () => {
    const app = appOf()
    const { calls } = calculator(app)
    await lab().work(app)
    const group = sig('celery.group', { subtask_type: 'group', kwargs: { tasks: [sig('add')] } })
    const chord = sig('celery.chord', {
      subtask_type: 'chord',
      kwargs: { header: group, body: sig('add', { options: { task_id: 'body' } }) },
    })
    const body = sig('add', { options: { task_id: 'end' } })
    const cases: [string, Partial<TaskMessage['embed']>, RegExp, string?][] = [
      ['callback', { callbacks: [chord] }, /task add is followed by a chord/],
      ['errback', { errbacks: [chord] }, /followed by a chord/],
      ['chain', { chain: [chord] }, /followed by a chord/, 'body'],
      ['part', { chord: body }, /task add is part of a chord/, 'end'],
      ['chained part', { chain: [sig('add', { options: { task_id: 'x', chord: body } })] }, /part of a chord/, 'x'],
    ]
    for (const [id, embed, message, waited] of cases) {
      const told = next(app, 'task:failure')
      await send(app, messageOf({ id, embed }))
      expect(await ended(app, id), id).toMatchObject({
        state: 'FAILURE',
        error: { type: 'NotSupportedError', message: expect.stringMatching(message) },
      })
      expect(await told).toMatchObject({ id })
      if (waited) expect(await ended(app, waited), id).toMatchObject({ state: 'FAILURE' })
    }
    expect(await deadIn(app)).toBe(cases.length)
    expect(calls).toEqual([])
  })
}

const FOLLOWER = { hostname: 'celery@h', listed: true, owned: true, joins: false, check: () => undefined }

onFewStores((lab) => {
  it('callbacks and the next of a chain run with the result before their own arguments, and are its children', async () => {
    const app = lab().app()
    const { calls } = calculator(app)
    await lab().work(app)
    await send(
      app,
      messageOf({
        args: [1, 2],
        rootId: 'root',
        embed: {
          callbacks: [
            sig('note', { args: ['first'], options: { task_id: 'c0' } }),
            sig('note', { args: ['alone'], immutable: true, options: { task_id: 'c1' } }),
          ],
          chain: [
            sig('add', { args: [100], options: { task_id: 'last' } }),
            sig('add', { args: [10], options: { task_id: 'next' } }),
          ],
        },
      }),
    )
    expect(await ended(app, 'last')).toMatchObject({ state: 'SUCCESS', result: 113, children: [] })
    expect(await ended(app, 'next')).toMatchObject({ result: 13, children: ['last'] })
    expect(await ended(app, 'parent')).toMatchObject({ result: 3, children: ['c0', 'c1', 'next'] })
    await Promise.all([ended(app, 'c0'), ended(app, 'c1')])
    expect(calls.sort(([a], [b]) => a.localeCompare(b))).toEqual([
      ['add[last]', [13, 100], 'next', 'root'],
      ['add[next]', [3, 10], 'parent', 'root'],
      ['add[parent]', [1, 2], undefined, 'root'],
      ['note[c0]', [3, 'first'], 'parent', 'root'],
      ['note[c1]', ['alone'], 'parent', 'root'],
    ])
    const { backend } = await storesOf(app)
    const [meta] = await backend.load(['next'])
    expect(meta?.children).toEqual([[['last', null], null]])
  })

  it('a failure sends the errbacks with its id, and the rest of the chain fails with it', async () => {
    const app = lab().app()
    const { calls } = calculator(app)
    await lab().work(app)
    const tail = {
      task: 'celery.group',
      subtask_type: 'group',
      kwargs: { tasks: [sig('add', { options: { task_id: 'in group' } })] },
    }
    await send(
      app,
      messageOf({
        task: 'boom',
        embed: {
          errbacks: [sig('note', { args: ['oh'] })],
          chain: [
            sig('x', tail),
            sig('add', { options: { task_id: 'tail' } }),
            sig('add', { options: { task_id: 'next' } }),
          ],
        },
      }),
    )
    const { children } = await ended(app, 'parent')
    expect(children).toHaveLength(1)
    expect(await ended(app, children[0] as string)).toMatchObject({ task: 'note', state: 'SUCCESS' })
    expect(calls).toEqual([[`note[${children[0]}]`, ['parent', 'oh'], 'parent', 'root']])
    for (const id of ['next', 'tail', 'in group']) {
      expect(await ended(app, id), id).toMatchObject({
        state: 'FAILURE',
        error: { type: 'RangeError', message: 'no such thing' },
      })
    }
  })

  it('a failure in the middle of a chain ends it there', async () => {
    const app = lab().app()
    calculator(app)
    await lab().work(app)
    const chain = [
      sig('add', { options: { task_id: 'last' } }),
      sig('boom', { immutable: true, options: { task_id: 'middle' } }),
    ]
    await send(app, messageOf({ args: [1], embed: { chain } }))
    expect(await ended(app, 'last')).toMatchObject({ state: 'FAILURE', error: { type: 'RangeError' } })
    expect(await ended(app, 'parent')).toMatchObject({ state: 'SUCCESS' })
  })

  it('an unknown task sends its errbacks, and fails the rest of its chain', async () => {
    const app = lab().app()
    const { calls } = calculator(app)
    await lab().work(app)
    const embed = { errbacks: [sig('note')], chain: [sig('add', { options: { task_id: 'next' } })] }
    await send(app, messageOf({ task: 'of.tomorrow', embed }))
    expect(await ended(app, 'next')).toMatchObject({ state: 'FAILURE', error: { type: 'NotRegistered' } })
    await until(() => calls.length === 1)
    expect(calls[0]?.[1]).toEqual(['parent'])
  })

  it('a revoked task ends the rest of its chain as revoked', async () => {
    const app = lab().app()
    calculator(app)
    const { backend } = await storesOf(app)
    await backend.revoked.add(['parent'])
    await lab().work(app)
    await send(app, messageOf({ embed: { chain: [sig('add', { options: { task_id: 'next' } })] } }))
    expect(await ended(app, 'next')).toMatchObject({ state: 'REVOKED', error: { message: 'revoked' } })
  })

  refusals(lab, true)

  it('a task whose results are ignored is followed all the same', async () => {
    const app = lab().app()
    calculator(app)
    await lab().work(app)
    const embed = { callbacks: [sig('add', { args: [1], options: { task_id: 'callback' } })] }
    await send(app, messageOf({ args: [2], ignoreResult: true, embed }))
    expect(await ended(app, 'callback')).toMatchObject({ result: 3 })
    expect(await app.result('parent').state()).toBe('UNKNOWN')
  })

  it('early acknowledgement and retries keep the links', async () => {
    const app = lab().app()
    calculator(app)
    let runs = 0
    app.task('early', () => 5, { acksLate: false })
    app.task(
      'flaky',
      () => {
        runs++
        if (runs === 1) throw new Error('once more')
        return 7
      },
      { retry: { max: 1, delay: 1 } },
    )
    await lab().work(app)
    const embed = (task_id: string) => ({ callbacks: [sig('add', { options: { task_id } })] })
    await send(app, messageOf({ id: 'a', task: 'early', embed: embed('after early') }))
    await send(app, messageOf({ id: 'b', task: 'flaky', embed: embed('after flaky') }))
    expect(await ended(app, 'after early')).toMatchObject({ result: 5 })
    expect(await ended(app, 'after flaky')).toMatchObject({ result: 7 })
    expect(await ended(app, 'a')).toMatchObject({ children: ['after early'] })
  })
})

describe('with results in memory, and messages in a file', () => refusals(useLab('sqlite'), false))

describe('what is sent', () => {
  const lab = useLab('memory')

  it('has the options of its signature, in the units of Celery', async () => {
    const app = lab().app({ routes: { 'py.*': 'python' } })
    const follower = { app, ...FOLLOWER }
    const options = {
      task_id: 'id',
      countdown: 60,
      expires: 120,
      priority: 9,
      serializer: 'msgpack',
      headers: { tenant: 'acme' },
      time_limit: 30,
      soft_time_limit: 1.5,
      reply_to: 'mine',
      shadow: 'other',
      group_id: 'g',
      group_index: 2,
      stamped_headers: ['k'],
      k: ['v'],
      link: sig('py.then'),
      link_error: [sig('py.else')],
      root_id: 'not this',
    }
    const before = Date.now()
    const message = messageOf({
      replyTo: 'theirs',
      embed: { callbacks: [sig('py.task', { options }), sig('py.plain')] },
    })
    const { publish, also, children } = afterSuccess(message, 1, follower, Date.now())
    const [first, second] = publish
    expect(first?.route).toEqual({ exchange: '', routingKey: 'python' })
    expect((first?.notBefore ?? 0) - before).toBeGreaterThanOrEqual(60_000)
    expect(first?.envelope.properties).toMatchObject({
      contentType: 'application/x-msgpack',
      priority: 9,
      replyTo: 'mine',
      correlationId: 'id',
    })
    expect(first?.envelope.headers).toMatchObject({
      task: 'py.task',
      timelimit: [30, 1.5],
      root_id: 'root',
      parent_id: 'parent',
      tenant: 'acme',
      shadow: 'other',
      group: 'g',
      group_index: 2,
      stamped_headers: ['k'],
      stamps: { k: ['v'] },
      expires: expect.stringMatching(/^20/),
    })
    expect(second?.envelope.properties.replyTo).toBe('theirs')
    expect(also.map(({ task_id, status, parent_id }) => [task_id, status, parent_id])).toEqual(
      children.map((id) => [id, 'PENDING', 'parent']),
    )
  })

  it('goes to the queue or exchange that its signature names', async () => {
    const app = lab().app()
    const follower = { app, ...FOLLOWER, listed: false, owned: false }
    const callbacks = [
      sig('a', { options: { queue: 'q', exchange: 'x', routing_key: 'k' } }),
      sig('a', { options: { exchange: 'x', routing_key: 'k' } }),
      sig('a', { options: { routing_key: 'k' } }),
    ]
    const { publish, also } = afterSuccess(messageOf({ embed: { callbacks } }), 1, follower, Date.now())
    expect(publish.map(({ route }) => [route.exchange, route.routingKey])).toEqual([
      ['', 'q'],
      ['x', 'k'],
      ['', 'k'],
    ])
    expect(also).toEqual([])
  })

  it('is the same when the task ends twice', async () => {
    const follower = { app: lab().app(), ...FOLLOWER }
    const message = messageOf({ embed: { callbacks: [sig('a'), sig('a')], chain: [sig('a')] } })
    const { children } = afterSuccess(message, 1, follower, Date.now())
    expect(new Set(children).size).toBe(3)
    expect(afterSuccess(message, 2, follower, Date.now()).children).toEqual(children)
    expect(afterSuccess({ ...message, id: 'other' }, 1, follower, Date.now()).children).not.toEqual(children)
  })

  it.each([
    [{ serializer: 'pickle' }, /serializer: expected 'json' or 'msgpack', got "pickle"/],
    [{ countdown: 'soon' }, /countdown: expected a number, got "soon"/],
    [{ eta: 'soon' }, /ISO 8601/],
    [{ queue: 5 }, /queue: expected text, got 5/],
    [{ headers: [] }, /headers: expected an object/],
    [{ link: 'x' }, /options\.link: expected a signature object/],
  ])('a signature with options %o is refused before the task runs', (options, reason) => {
    const follower = { app: lab().app(), ...FOLLOWER }
    const problem = linkProblem(messageOf({ embed: { callbacks: [sig('a', { options })] } }), follower)
    expect(problem?.message).toMatch(reason)
  })

  it('what lies deeper is for the worker that gets there', () => {
    const follower = { app: lab().app(), ...FOLLOWER }
    const chain = [sig('celery.group', { subtask_type: 'group' }), sig('a')]
    expect(linkProblem(messageOf({ embed: { chain } }), follower)).toBeUndefined()
    expect(linkProblem(messageOf({}), follower)).toBeUndefined()
  })

  it('a result that a link cannot carry fails the task', async () => {
    const app = lab().app({ typedJson: false })
    app.task('now', () => new Date())
    await lab().work(app)
    await send(app, messageOf({ task: 'now', embed: { callbacks: [sig('add')] } }))
    expect(await ended(app, 'parent')).toMatchObject({ state: 'FAILURE', error: { type: 'EncodeError' } })
  })
})
