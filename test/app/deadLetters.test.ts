import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { DeadLetterSelection } from '../../src/calls/dead/deadLetters.ts'
import { ArgumentError, NotSupportedError, Reject, UnknownJobError } from '../../src/std/errors.ts'
import { inFull } from '../tier.ts'
import { type Lab, onStores, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

const NAMED = process.env.TEST_STORES?.split(',')
const STORES = ['memory', 'sqlite', 'redis', 'postgres'].filter((store) => NAMED?.includes(store) ?? true)

/** Tasks that fail until they are told otherwise. */
function define(app: App, state: { broken: boolean }): void {
  const fail = (what: string): string => {
    if (state.broken) throw new TypeError(`no ${what}`)
    return what
  }
  app.task('kept', fail, { deadLetter: true, retry: { max: 1, delay: 1, jitter: 'none' } })
  app.task('plain', fail)
  app.task('rejects', (text: string) => {
    if (state.broken) throw new Reject(`not ${text}`)
    return text
  })
}

async function ended(app: App, ids: readonly string[]): Promise<void> {
  await until(async () => (await app.states(ids)).every((state) => ['SUCCESS', 'FAILURE'].includes(state)))
}

onStores([...STORES, ...inFull('rabbitmq')], (lab, kind) => {
  it('what was given up is listed with its reason, and sent again with its id', async () => {
    const state = { broken: true }
    const app = lab().app()
    define(app, state)
    const { broker } = await storesOf(app)
    const send = (task: string, taskId: string, owner?: string) =>
      app.send(task, [taskId], { taskId, owner, tags: owner && ['x'] ? ['x'] : undefined })
    const ids = ['kept-1', 'plain-1', 'rejects-1', 'unknown-1']
    await send('kept', 'kept-1', 'ann')
    for (const id of ids.slice(1)) await send(id.slice(0, -2), id)
    const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
    await broker.publish({ headers: {}, properties, body: 'odd' }, { exchange: '', routingKey: 'celery' })
    const worker = await lab().work(app, { hostname: 'w@here' })
    await ended(app, ids)
    await until(async () => (await app.deadLetters.count()).celery === 4)

    const { letters, cursor } = await app.deadLetters.list()
    expect([letters.length, cursor]).toEqual([4, undefined])
    const of = (reason: string) => letters.find((letter) => letter.reason === reason)
    expect(of('failed')).toMatchObject({
      ...{ id: 'kept-1', task: 'kept', queue: 'celery', error: { type: 'TypeError', message: 'no kept-1' } },
      ...{ worker: 'w@here', retries: 1, lost: 0, deaths: [] },
      ...(kind === 'rabbitmq' ? {} : { owner: 'ann', tags: ['x'] }),
    })
    expect(of('rejected')).toMatchObject({ id: 'rejects-1', error: { message: 'not rejects-1' } })
    expect(of('unknown')).toMatchObject({ id: 'unknown-1', task: 'unknown' })
    expect(of('undecodable')).toMatchObject({ task: undefined, retries: undefined })
    expect((await app.deadLetters.list({ task: 'kept' })).letters).toMatchObject([{ id: 'kept-1' }])
    expect((await app.deadLetters.list({ q: 'TYPEERROR', limit: 1 })).letters).toMatchObject([{ id: 'kept-1' }])
    expect(await app.deadLetters.get('kept-1')).toMatchObject({ args: ['kept-1'], kwargs: {}, problem: undefined })
    expect(await app.deadLetters.get(of('undecodable')?.id ?? '')).toMatchObject({ args: undefined, body: 'odd' })
    expect(await app.deadLetters.get('none')).toBe(undefined)

    const dry = await app.deadLetters.redrive({ reason: 'failed' }, { dryRun: true })
    expect([dry.ids, (await app.deadLetters.count()).celery]).toEqual([['kept-1'], 4])
    // It dies again, and takes its first death along.
    expect((await app.deadLetters.redrive({ ids: ['kept-1', 'none'] })).ids).toEqual(['kept-1'])
    await until(async () => (await app.deadLetters.get('kept-1'))?.deaths.length === 1)
    state.broken = false
    await app.deadLetters.edit('kept-1', { args: ['edited'] })
    expect(await app.deadLetters.get('kept-1')).toMatchObject({ args: ['edited'], deaths: [{ reason: 'failed' }] })
    const report = await app.deadLetters.redrive({ error: 'kept-1' })
    expect(report).toEqual({ ids: ['kept-1'], succeeded: [], gone: [], queued: 0 })
    expect((await app.deadLetters.redrive({ ids: ['rejects-1', 'rejects-1'] })).ids).toEqual(['rejects-1'])
    await until(async () => (await app.states(['kept-1', 'rejects-1'])).join() === 'SUCCESS,SUCCESS')
    expect(await app.result('kept-1').get()).toBe('edited')
    expect(await app.deadLetters.redrive({ ids: ['kept-1'] })).toMatchObject({ ids: [], gone: ['kept-1'] })
    await worker.stop()

    await app.deadLetters.redrive({ ids: ['unknown-1'] })
    const info = await app.result('unknown-1').info()
    expect(info).toMatchObject({ state: 'RETRY', error: { type: 'NotRegistered' }, retries: 0 })
    expect(await app.deadLetters.drop({ reason: 'undecodable' }, { dryRun: true })).toMatchObject({ queued: 0 })
    expect((await app.deadLetters.drop({ all: true })).ids).toHaveLength(1)
    expect([await app.deadLetters.count(), await app.queueSize()]).toEqual([{}, 1])
  })

  it('a job that has succeeded meanwhile is not sent again', async () => {
    const app = lab().app()
    const { backend } = await storesOf(app)
    const letters = await backend.deadLetters?.()
    define(app, { broken: false })
    await lab().work(app)
    await app.send('plain', ['a'], { taskId: 'done' }).get()
    const envelope = { headers: {}, properties: { contentType: 'x', contentEncoding: 'y' }, body: '' }
    const facts = { reason: 'failed', error: { type: 'E', message: '' }, worker: 'w', lost: 0, history: [] } as const
    await letters?.put([{ id: 'done', queue: 'celery', died: Date.now(), envelope, ...facts }])
    expect(await app.deadLetters.redrive({ all: true })).toEqual({ ids: [], succeeded: ['done'], gone: [], queued: 0 })
    expect(await app.deadLetters.count()).toEqual({})
  })
})

const lab = useLab('sqlite')

it('at the rate that is asked, the oldest first, and no longer than is wanted', async () => {
  const app = lab().app()
  await dieAll(app, lab(), 40)
  const started = performance.now()
  const { ids } = await app.deadLetters.redrive({ all: true }, { rate: '50/s', limit: 21 })
  const took = performance.now() - started
  expect(ids).toEqual(Array.from({ length: 21 }, (_, at) => `id-${at}`))
  expect(took).toBeGreaterThan(390)
  const stop = new AbortController()
  const slow = app.deadLetters.redrive({ all: true }, { rate: '1/h', signal: stop.signal })
  await until(async () => (await app.deadLetters.count()).celery === 18)
  stop.abort()
  expect((await slow).ids).toEqual(['id-21'])
})

it('a task that does not take the input, and dead letters that are none', async () => {
  const app = lab().app()
  await dieAll(app, lab(), 1)
  app.task('unknown', (text: string) => text, { params: ['text'] })
  const { deadLetters } = app
  await expect(deadLetters.edit('id-0', { args: [1, 2] })).rejects.toThrow(ArgumentError)
  await expect(deadLetters.edit('id-0', {})).rejects.toThrow('expected args or kwargs, got neither')
  await expect(deadLetters.edit('none', { args: [] })).rejects.toThrow(UnknownJobError)
  await deadLetters.edit('id-0', { kwargs: { text: 'b' } })
  expect(await deadLetters.get('id-0')).toMatchObject({ args: ['b'], kwargs: {} })
})

it.each([
  [{}, 'got none of them'],
  [{ all: false }, 'got none of them'],
  [{ ids: [] }, 'ids: expected a list'],
  [{ ids: ['a'], all: true }, 'exclude each other'],
  [{ ids: ['a'], task: 'b' }, 'exclude each other'],
  [{ reason: 'tired' }, 'reason: expected one of failed'],
  [{ since: Number.NaN }, 'since: expected ms'],
  [{ state: 'FAILURE' }, 'unknown filter state'],
  [{ task: '' }, 'task: expected 1 to 255'],
])('%o is refused', async (selection, message) => {
  const { deadLetters } = lab().app()
  await expect(deadLetters.redrive(selection as DeadLetterSelection)).rejects.toThrow(message)
  await expect(deadLetters.drop(selection as DeadLetterSelection)).rejects.toThrow(ArgumentError)
})

onStores(['sqlite', ...inFull('rabbitmq')], (lab) => {
  it('with rpc:// they are in queues: all are sent again, or dropped, and nothing else', async () => {
    const app = lab().app({ backend: 'rpc://' })
    const worker = await lab().work(app)
    const handles = ['a', 'b', 'c'].map((name) => app.send('of.tomorrow', [name]))
    for (const handle of handles) await expect((await handle).get()).rejects.toThrow('of.tomorrow')
    await worker.stop()
    const { deadLetters } = app
    expect(await deadLetters.count()).toEqual({ celery: 3 })
    await expect(deadLetters.list()).rejects.toThrow(NotSupportedError)
    await expect(deadLetters.redrive({ ids: ['a'] })).rejects.toThrow(
      'rpc:// keeps no dead letters: they are in queues',
    )
    expect(await deadLetters.redrive({ all: true }, { limit: 2 })).toMatchObject({ queued: 2 })
    expect([await deadLetters.count(), await app.queueSize()]).toEqual([{ celery: 1 }, 2])
    expect(await deadLetters.drop({ all: true, queue: 'celery' })).toEqual({ ids: [], queued: 1 })
    app.task('of.tomorrow', (name: string) => name)
    await lab().work(app)
    await until(async () => (await app.queueSize()) === 0)
  })
})

/** Dead letters with the ids `id-0`, `id-1`, and so on. */
async function dieAll(app: App, { work }: Lab, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, at) => `id-${at}`)
  for (const taskId of ids) await app.send('unknown', ['a'], { taskId })
  const worker = await work.call(lab(), app, { concurrency: 1 })
  await until(async () => (await app.deadLetters.count()).celery === count)
  await worker.stop()
}
