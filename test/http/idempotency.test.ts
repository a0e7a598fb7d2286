import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer } from '../../src/http/server/serve.ts'
import type { Celeriac } from '../../src/index.ts'
import { Deferred } from '../../src/std/deferred.ts'
import { storesOf } from '../app/stores.ts'
import { RedisServer } from '../redis/server.ts'
import { type Answer, build, type House } from './house.ts'

const define = (app: Celeriac) => [
  app.task('tasks.add', (x: number, y: number) => x + y),
  app.task('tasks.other', (x: number, y: number) => x * y),
]

function expectProblem({ status, json, headers }: Answer, expected: number, kind: string): void {
  expect({ status, type: json?.type }).toEqual({ status: expected, type: `urn:celeriac:problem:${kind}` })
  expect(headers['content-type']).toBe('application/problem+json')
}

describe.each(['memory:', 'sqlite:', 'redis:'])('Idempotency-Key on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define)
  })
  afterAll(() => house[Symbol.asyncDispose]())

  const post = (key: string, body: unknown = [1, 2], task = 'tasks.add'): Promise<Answer> =>
    house.post(`/v1/tasks/${task}`, body, { 'idempotency-key': key })

  test('a replay is the same answer, and no other job', async () => {
    const first = await post('"k 1"')
    const size = await house.app.queueSize()
    const again = await post('"k 1"')
    expect([first.status, first.headers['idempotent-replayed']]).toEqual([202, undefined])
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([202, 'true'])
    expect(again.text).toBe(first.text)
    expect(again.headers.location).toBe(first.headers.location)
    expect(again.headers.link).toBe(first.headers.link)
    expect(await house.app.queueSize()).toBe(size)
  })

  test('a key holds where the record of its job has expired: the same answer, and no other job', async () => {
    const first = await post('"gone"')
    const { backend } = await storesOf(house.app)
    await backend.forget([first.json.id])
    const size = await house.app.queueSize()
    const again = await post('"gone"')
    expect([again.status, again.headers['idempotent-replayed'], again.text]).toEqual([202, 'true', first.text])
    const prefer = { 'idempotency-key': '"gone"', prefer: 'wait=30' }
    const waiting = await house.post('/v1/tasks/tasks.add', [1, 2], prefer)
    expect([waiting.status, waiting.headers.location]).toEqual([202, first.headers.location])
    expect(await house.app.queueSize()).toBe(size)
  })

  test('another body with the same key: 422', async () => {
    await post('"k 2"')
    expectProblem(await post('"k 2"', [1, 3]), 422, 'key-reused')
  })

  test('the same key elsewhere is another key', async () => {
    const [one, two] = [await post('"k 3"'), await post('"k 3"', [1, 2], 'tasks.other')]
    expect([two.status, two.headers['idempotent-replayed']]).toEqual([202, undefined])
    expect(two.json.id).not.toBe(one.json.id)
  })

  test('a key without quotes, and the same in quotes, are one', async () => {
    const first = await post('abc-123')
    expect((await post('"abc-123"')).text).toBe(first.text)
    expect((await post('"a\\"b\\\\c"')).status).toBe(202)
  })

  test.each(['', '""', '"', 'a b', '"a', 'a,b', '"ü"', '"a", "b"', `"${'x'.repeat(256)}"`, '"a\\b"', '?1', '(a)'])(
    'the key %j: 400',
    async (key) => expectProblem(await post(key), 400, 'invalid-idempotency-key'),
  )

  test('255 characters are taken; two lines are two keys, which is wrong', async () => {
    expect((await post(`"${'x'.repeat(255)}"`)).status).toBe(202)
    const headers = { 'content-type': 'application/json', 'idempotency-key': ['"a"', '"b"'] }
    expectProblem(
      await house.ask('POST', '/v1/tasks/tasks.add', { headers, body: '[1,2]' }),
      400,
      'invalid-idempotency-key',
    )
  })

  test('what was refused leaves no trace: the key is free', async () => {
    expect((await post('"k 4"', { not: 'a list' })).status).toBe(422)
    expect((await post('"k 4"')).status).toBe(202)
  })

  test('many at once with one key: one is accepted, the others are told to come again or get the same', async () => {
    const before = await house.app.queueSize()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('"k 5"')))
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ json }) => json.id))
    expect(ids.size).toBe(1)
    for (const answer of answers) if (answer.status !== 202) expectProblem(answer, 409, 'key-in-use')
    expect(await house.app.queueSize()).toBe(before + 1)
  })

  test('with wait, a replay waits for the same job', async () => {
    const first = await post('"k 6"')
    const again = await house.post('/v1/tasks/tasks.add', [1, 2], { 'idempotency-key': '"k 6"', prefer: 'wait=1' })
    expect([again.status, again.json.id, again.headers['idempotent-replayed']]).toEqual([202, first.json.id, 'true'])
  })
})

test('409 while the first is being accepted', async () => {
  await using house = await build('memory:', define)
  const [entered, go] = [new Deferred<void>(), new Deferred<void>()]
  house.app.use({
    send: async (call, next) => {
      entered.resolve()
      await go.promise
      return next(call)
    },
  })
  const headers = { 'idempotency-key': '"k"' }
  const first = house.post('/v1/tasks/tasks.add', [1, 2], headers)
  await entered.promise
  const second = await house.post('/v1/tasks/tasks.add', [1, 2], headers)
  expectProblem(second, 409, 'key-in-use')
  expect(second.headers['retry-after']).toBe('1')
  go.resolve()
  expect((await first).status).toBe(202)
  expect((await house.post('/v1/tasks/tasks.add', [1, 2], headers)).text).toBe((await first).text)
})

test.each(['sqlite:', 'redis:'])('two servers on one store: the key is one, also after a restart: %s', async (kind) => {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-keys-'))
  const redis = kind === 'redis:' ? await RedisServer.start() : undefined
  const store = redis?.url() ?? `sqlite:${join(folder, 'store.db')}`
  const texts = new Set<string>()
  {
    await using one = await build(store, define)
    await using two = await build(store, define)
    const posts = [one, two, one, two].map((house) =>
      house.post('/v1/tasks/tasks.add', [1, 2], { 'idempotency-key': '"k"' }),
    )
    for (const answer of await Promise.all(posts)) if (answer.status === 202) texts.add(answer.text)
  }
  {
    await using later = await build(store, define)
    const answer = await later.post('/v1/tasks/tasks.add', [1, 2], { 'idempotency-key': '"k"' })
    texts.add(answer.text)
    expect(texts.size).toBe(1)
    expect(await later.app.queueSize()).toBe(1)
  }
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

test("one identity's key is not another's", async () => {
  const authorize = bearer({ 'a-token-of-ann-1234': 'ann', 'a-token-of-bob-1234': 'bob' })
  await using house = await build('memory:', define, { http: { authorize } })
  const post = (token: string): Promise<Answer> =>
    house.post('/v1/tasks/tasks.add', [1, 2], { 'idempotency-key': '"k"', authorization: `Bearer ${token}` })
  const ann = await post('a-token-of-ann-1234')
  expect((await post('a-token-of-bob-1234')).json.id).not.toBe(ann.json.id)
  expect((await post('a-token-of-ann-1234')).json.id).toBe(ann.json.id)
})

test('where the store remembers nothing: 501', async () => {
  await using house = await build('memory:', define, { backend: 'rpc://' })
  expectProblem(await house.post('/v1/tasks/tasks.add', [1, 2], { 'idempotency-key': '"k"' }), 501, 'cannot-remember')
  expectProblem(
    await house.post('/v1/batches', { jobs: [{ task: 'tasks.add', input: [1, 2] }] }),
    501,
    'cannot-remember',
  )
})
