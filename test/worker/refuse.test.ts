import { expect, it } from 'vitest'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, next, onSqliteOrEachStore, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { deadIn, takeDead } from '../deadLetters.ts'

const JSON_TEXT = { contentType: 'application/json', contentEncoding: 'utf-8' }
const GOOD = { task: 'add', id: 'good', retries: 0 }
const ARGS = '[[1, 2], {}, {}]'

/** Messages that cannot be run, and why. */
const BROKEN: [string, Envelope, RegExp][] = [
  [
    'a body that is no JSON',
    { headers: { ...GOOD }, properties: JSON_TEXT, body: '{{' },
    /not readable as application/,
  ],
  ['an empty body', { headers: { ...GOOD }, properties: JSON_TEXT, body: '' }, /not readable as application\/json/],
  ['a body of another shape', { headers: { ...GOOD }, properties: JSON_TEXT, body: '{"a": 1}' }, /task body: expected/],
  [
    'args that are none',
    { headers: { ...GOOD }, properties: JSON_TEXT, body: '[5, {}, {}]' },
    /args: expected an array/,
  ],
  [
    'bytes that are no UTF-8',
    { headers: { ...GOOD }, properties: JSON_TEXT, body: new Uint8Array([0x5b, 0xff, 0x5d]) },
    /not readable as application\/json/,
  ],
  [
    'pickle',
    {
      headers: { ...GOOD },
      properties: { contentType: 'application/x-python-serialize', contentEncoding: 'binary' },
      body: new Uint8Array([0x80, 2]),
    },
    /content type "application\/x-python-serialize" is not accepted; accepted: application\/json/,
  ],
  [
    'msgpack that is none',
    {
      headers: { ...GOOD },
      properties: { contentType: 'application/x-msgpack', contentEncoding: 'binary' },
      body: new Uint8Array([0x93, 1]),
    },
    /not readable as application\/x-msgpack/,
  ],
  [
    'a compressed body',
    { headers: { ...GOOD, compression: 'zstd' }, properties: JSON_TEXT, body: ARGS },
    /compression "zstd" is not known; known: application\/x-gzip/,
  ],
  [
    'a body nested too deep',
    { headers: { ...GOOD }, properties: JSON_TEXT, body: `[[${'['.repeat(200)}${']'.repeat(200)}], {}, {}]` },
    /nested deeper than 100 levels/,
  ],
  [
    'retries that are text',
    { headers: { ...GOOD, retries: 'x' }, properties: JSON_TEXT, body: ARGS },
    /header retries/,
  ],
  ['a negative number of retries', { headers: { ...GOOD, retries: -1 }, properties: JSON_TEXT, body: ARGS }, /retries/],
  ['an eta that is no time', { headers: { ...GOOD, eta: 'soon' }, properties: JSON_TEXT, body: ARGS }, /ISO 8601/],
  ['limits that are none', { headers: { ...GOOD, timelimit: ['a'] }, properties: JSON_TEXT, body: ARGS }, /timelimit/],
  ['a task that is a number', { headers: { ...GOOD, task: 5 }, properties: JSON_TEXT, body: ARGS }, /header task/],
]
/** Those that do not even say which task they are of. */
const NAMELESS: [string, Envelope, RegExp][] = [
  ['no headers', { headers: {}, properties: JSON_TEXT, body: ARGS }, /expected a task message/],
  ['an id that is none', { headers: { ...GOOD, id: { a: 1 } }, properties: JSON_TEXT, body: ARGS }, /header id/],
  ['an empty id', { headers: { ...GOOD, id: '' }, properties: JSON_TEXT, body: ARGS }, /header id/],
]

async function publish({ app, envelope, queue }: { app: ReturnType<Lab['app']>; envelope: Envelope; queue?: string }) {
  const { broker } = await storesOf(app)
  await broker.publish(envelope, { exchange: '', routingKey: queue ?? 'celery' })
}

/** The dead letter of a queue. */
async function read(app: ReturnType<Lab['app']>, queue = 'celery'): Promise<Envelope> {
  let envelope: Envelope | undefined
  await until(async () => {
    envelope = (await takeDead(app, queue))[0]
    return envelope !== undefined
  })
  return envelope as Envelope
}

onSqliteOrEachStore((lab) => {
  it('a message that cannot be read fails its task and is kept beside the queue, with the reason', async () => {
    const app = lab().app()
    app.task('add', (x: number, y: number) => x + y)
    const told = record(app)
    await lab().work(app)
    for (const [what, envelope, reason] of BROKEN) {
      const id = `of ${what}`
      await publish({ app, envelope: { ...envelope, headers: { ...envelope.headers, id } } })
      const info = await until(async () => (await app.result(id).info()) ?? false)
      expect(info, what).toMatchObject({ state: 'FAILURE', error: { message: expect.stringMatching(reason) } })
      const kept = await read(app)
      expect(kept.headers, what).toMatchObject({
        'x-death-reason': expect.stringMatching(reason),
        'x-death-queue': 'celery',
      })
      expect([kept.properties.contentType, kept.body], what).toEqual([envelope.properties.contentType, envelope.body])
    }
    for (const [what, envelope, reason] of NAMELESS) {
      await publish({ app, envelope })
      const kept = await read(app)
      expect(kept, what).toMatchObject({
        body: envelope.body,
        headers: { 'x-death-reason': expect.stringMatching(reason) },
      })
    }
    const unreadable = (): number => told.filter(({ name }) => name === 'task:undecodable').length
    await until(() => unreadable() === BROKEN.length + NAMELESS.length)
    expect(told.some(({ name }) => name === 'worker:error')).toBe(false)
    expect(await app.send('add', [1, 2]).get()).toBe(3)
    expect(await app.queueSize()).toBe(0)
  })

  it('an unknown task fails as NotRegistered, and its message is kept for a later deploy', async () => {
    const app = lab().app({ queue: 'mine' })
    await lab().work(app, { hostname: 'w@here' })
    const told = next(app, 'task:unknown')
    const handle = await app.send('of.tomorrow', [1, { a: 2 }], { headers: { tenant: 'acme' } })
    await expect(handle.get()).rejects.toMatchObject({ type: 'NotRegistered', message: 'of.tomorrow' })
    expect(await told).toEqual({
      id: handle.id,
      task: 'of.tomorrow',
      queue: 'mine',
      retries: 0,
      hostname: 'w@here',
    })
    expect(await handle.info()).toMatchObject({ task: 'of.tomorrow', state: 'FAILURE', queue: 'mine' })
    expect(await deadIn(app, 'mine')).toBe(1)
    const kept = await read(app, 'mine')
    expect(kept.headers).toMatchObject({
      id: handle.id,
      tenant: 'acme',
      'x-death-reason': 'NotRegistered: of.tomorrow',
      'x-death-queue': 'mine',
    })
    // The deploy has come: put back, it runs.
    app.task('of.tomorrow', (x: number, { a }: { a: number }) => [x, a, currentTask()?.headers.tenant])
    const done = next(app, 'task:success')
    await publish({ app, envelope: kept, queue: 'mine' })
    expect((await done).result).toEqual([1, 2, 'acme'])
  })

  it('a serializer that is not accepted is refused', async () => {
    const app = lab().app({ accept: ['json'] })
    const add = app.task('add', (x: number) => x)
    await lab().work(app)
    const handle = await add.applyAsync([1], { serializer: 'msgpack' })
    await expect(handle.get()).rejects.toMatchObject({
      type: 'DecodeError',
      message: 'content type "application/x-msgpack" is not accepted; accepted: application/json',
    })
    await until(async () => (await deadIn(app)) === 1)
    expect(await add.delay(2).get()).toBe(2)
  })

  it('headers that look like typed values pass through a retry, and the worker goes on', async () => {
    const app = lab().app()
    const odd = JSON.parse('{"__type__": "x", "__value__": 1}')
    const seen: unknown[] = []
    const run = (): Promise<never> => {
      seen.push(currentTask()?.headers.odd)
      return Promise.reject(new Error('once more'))
    }
    const task = app.task('task', run, { retry: { max: 1, delay: 1 } })
    await lab().work(app)
    const headers = { ...GOOD, task: 'task', id: 'odd', odd }
    await publish({ app, envelope: { headers, properties: JSON_TEXT, body: '[[], {}, {}]' } })
    const info = await until(async () => {
      const known = await app.result('odd').info()
      return known?.state === 'FAILURE' && known
    })
    expect(info).toMatchObject({ error: { type: 'Error', message: 'once more' } })
    expect(seen).toEqual([odd, odd])
    await expect(task.delay().get()).rejects.toThrow('once more')
    expect(await app.queueSize()).toBe(0)
  })
})

const lab = useLab('sqlite')

it('a message whose row is damaged is kept with its reason, and the worker goes on', async () => {
  const app = lab().app()
  const add = app.task('add', (x: number) => x)
  const told = record(app)
  const bad = await add.delay(1)
  lab().database().exec(`UPDATE celeriac_message SET head = '{{'`)
  await lab().work(app)
  expect(await add.delay(2).get()).toBe(2)
  await until(() => told.some(({ name }) => name === 'task:undecodable'))
  expect(await deadIn(app)).toBe(1)
  expect((await read(app)).headers).toMatchObject({ 'x-death-queue': 'celery' })
  expect(await bad.state()).toBe('PENDING')
})

it('a message that took ten workers with it fails, and is kept', async () => {
  const app = lab().app()
  let runs = 0
  const task = app.task('task', () => ++runs)
  const deadly = await task.delay()
  const unlucky = await task.delay()
  const set = lab().database().prepare('UPDATE celeriac_message SET lost = ? WHERE task_id = ?')
  set.run(10, deadly.id)
  set.run(9, unlucky.id)
  const told = next(app, 'task:failure')
  await lab().work(app)
  await expect(deadly.get()).rejects.toMatchObject({
    type: 'WorkerLostError',
    message: 'the worker that ran it died 10 times',
  })
  expect(await told).toMatchObject({ id: deadly.id, task: 'task', error: { type: 'WorkerLostError' } })
  expect(await unlucky.get()).toBe(1)
  expect(runs).toBe(1)
  expect((await read(app)).headers).toMatchObject({
    id: deadly.id,
    'x-death-reason': 'WorkerLostError: the worker that ran it died 10 times',
  })
})
