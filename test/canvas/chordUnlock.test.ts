import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { taskData } from '../../src/protocol/canvas.ts'
import { encodeException } from '../../src/protocol/exception.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import { emptyRecord } from '../../src/protocol/record.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { uuidOf } from '../../src/std/id.ts'
import { onEachStore, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/* `celery.chord_unlock`, in the form in which Celery 5.2 sends it (celery/app/builtins.py). */

const tuple = (id: string, members: unknown = null) => [[id, null], members]

function tasksOf(app: App) {
  const runs: unknown[] = []
  app.task('body', (list: unknown, ...more: unknown[]) => {
    runs.push([list, ...more])
    return list
  })
  app.task('note', (id: string) => {
    runs.push(id)
    return id
  })
  return runs
}

const bodyOf = (options: SignatureData['options']) => taskData('body', { args: ['own'], options })

/** Records of members, as their workers write them. */
async function ended(app: App, results: Readonly<Record<string, unknown>>): Promise<void> {
  const { backend } = await storesOf(app)
  for (const [id, result] of Object.entries(results)) {
    const meta = emptyRecord(id, result instanceof Error ? 'FAILURE' : 'SUCCESS')
    const error = result instanceof Error ? encodeException({ type: result.name, message: result.message }) : undefined
    await backend.store({ ...meta, date_done: new Date().toISOString(), result: error ?? result })
  }
}

async function unlock(app: App, body: unknown, kwargs: Readonly<Record<string, unknown>>, id = 'unlock') {
  const head = { id, task: 'celery.chord_unlock', retries: 0, rootId: 'root', ignoreResult: false, headers: {} }
  const envelope = encodeTask({ ...head, args: ['the-group', body], kwargs, embed: NOTHING_EMBEDDED }, 'json')
  await (await storesOf(app)).broker.publish(envelope, { exchange: '', routingKey: 'celery' })
}

/** Its result, when its record is there. */
async function resultOf(app: App, id: string): Promise<unknown> {
  await until(async () => (await app.result(id).state()) !== 'UNKNOWN')
  return app.result(id).get({ timeout: '20s' })
}

const end = (app: App, id = 'unlock') => until(async () => (await app.result(id).info())?.state === 'SUCCESS')

onEachStore((lab) => {
  it('sends the body when all members have ended, once more with the same id; the unlock is its parent', async () => {
    const app = lab().app()
    const runs = tasksOf(app)
    await lab().work(app)
    await ended(app, { a: 1, b: [2], d: 4 })
    const result = [tuple('a'), tuple('inner', [tuple('b'), tuple('c')]), tuple('d')]
    const call = { interval: 0.05, max_retries: null, result }
    await unlock(app, bodyOf({ task_id: 'the-body' }), call)
    await until(async () => (await app.result('unlock').info())?.state === 'RETRY')
    expect(runs).toEqual([])
    await ended(app, { c: 3 })
    expect(await resultOf(app, 'the-body')).toEqual([1, [[2], 3], 4])
    await end(app)
    const [record] = await (await storesOf(app)).backend.load(['the-body'])
    expect(record).toMatchObject({ parent_id: 'unlock' })
    // It is delivered again: the body has ended, and is not sent again.
    await unlock(app, bodyOf({ task_id: 'the-body' }), call, 'again')
    await end(app, 'again')
    expect(runs).toEqual([[[1, [[2], 3], 4], 'own']])
  })

  it('a member that fails: ChordError of the body, its errback, and the rest of its chain', async () => {
    const app = lab().app()
    const runs = tasksOf(app)
    await lab().work(app)
    await ended(app, { a: 1, b: new RangeError('no') })
    const options = {
      task_id: 'the-body',
      link_error: [taskData('note', { options: { task_id: 'errback' } })],
      chain: [taskData('note', { options: { task_id: 'next' } })],
    }
    await unlock(app, bodyOf(options), { result: [tuple('a'), tuple('b')] })
    const failure = { type: 'ChordError', message: "Dependency b raised RangeError('no')" }
    for (const id of ['the-body', 'next']) await expect(resultOf(app, id)).rejects.toMatchObject(failure)
    expect(await resultOf(app, 'errback')).toBe('the-body')
    await end(app)
    expect(runs).toEqual(['the-body'])
  })
})

const lab = useLab('sqlite')

it('after its last retry the body ends, too', async () => {
  const app = lab().app()
  tasksOf(app)
  await lab().work(app)
  await ended(app, { a: 1 })
  await unlock(app, bodyOf({ task_id: 'the-body' }), { interval: 0.01, max_retries: 2, result: [tuple('b')] })
  await expect(resultOf(app, 'the-body')).rejects.toThrow('have not ended after 2 retries')
  await expect(resultOf(app, 'unlock')).rejects.toThrow('group the-group')
  expect(await app.result('unlock').info()).toMatchObject({ retries: 2 })
})

it('a body without an id gets one of its group; a chain as body; onError of the body counts', async () => {
  const app = lab().app()
  tasksOf(app)
  await lab().work(app)
  await ended(app, { a: 1, b: new RangeError('no') })
  const headers = { celeriac_on_error: 'ignore' }
  await unlock(app, bodyOf({ headers }), { result: [tuple('a'), tuple('b')] })
  const id = uuidOf('the-group', 'body')
  expect(await resultOf(app, id)).toEqual([1])
  const steps = [bodyOf({}), taskData('note', { options: { task_id: 'last' } })]
  const body = { task: 'celery.chain', args: [], kwargs: { tasks: steps }, options: {}, subtask_type: 'chain' }
  await unlock(app, body, { result: [tuple('a')] }, 'second')
  expect(await resultOf(app, 'last')).toEqual([1])
})

it('a body that cannot be sent is a ChordError', async () => {
  const app = lab().app()
  tasksOf(app)
  await lab().work(app)
  await ended(app, { a: 1 })
  await unlock(app, bodyOf({ task_id: 'the-body', countdown: 'soon' }), { result: [tuple('a')] })
  await expect(resultOf(app, 'the-body')).rejects.toMatchObject({
    type: 'ChordError',
    message: expect.stringMatching(/^the body cannot be sent: .*countdown/),
  })
})

it.each([
  ['callback', 7, {}],
  ['callback.task', { task: 7 }, {}],
  ['result', bodyOf({}), {}],
  ['result[0]', bodyOf({}), { result: ['a'] }],
  ['result[0]', bodyOf({}), { result: [[[7, null], null]] }],
  ['result[0][0]', bodyOf({}), { result: [tuple('g', ['a'])] }],
  ['interval', bodyOf({}), { interval: -1, result: [] }],
  ['interval', bodyOf({}), { interval: 'x', result: [] }],
  ['max_retries', bodyOf({}), { max_retries: 0.5, result: [] }],
  ['at most 20 groups', bodyOf({}), { result: Array.from({ length: 30 }).reduce((all) => [tuple('g', all)], []) }],
])('refuses another form of %s', async (name, body, kwargs) => {
  const app = lab().app()
  tasksOf(app)
  await lab().work(app)
  await unlock(app, body, kwargs as Record<string, unknown>)
  await expect(resultOf(app, 'unlock')).rejects.toThrow(name)
  expect(await app.result('unlock').info()).toMatchObject({ retries: 0 })
})
