import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { PENDING, STARTED, SUCCESS } from '../../src/protocol/states.ts'
import { DecodeError, StoreUnavailableError } from '../../src/std/errors.ts'
import { connectRedis } from '../../src/stores/redis/connection/client.ts'
import type { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { pause, until, within } from '../../src/testing/kit.ts'
import { startProxy } from '../../src/testing/proxy/tcpProxy.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { jobIndexSuite } from '../../src/testing/suites/jobIndexSuite.ts'
import { notesSuite } from '../../src/testing/suites/notesSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend } from '../stores/standalone.ts'
import { inFull } from '../tier.ts'

const options: BackendOptions = {
  expires: 60_000,
  serializer: 'json',
  accept: ['json', 'msgpack'],
}

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

for (const serializer of ['json', ...inFull('msgpack' as const)] as const) {
  const opened = async (more: Partial<BackendOptions> = {}): Promise<OpenedBackend> => {
    await server.cli('FLUSHALL')
    const open = (): RedisBackend => new StandaloneRedisBackend(server.url(), { ...options, serializer, ...more })
    const backend = open()
    const spoil = (id: string, record: Uint8Array): Promise<unknown> =>
      backend.connection.command('SET', backend.keyOf(id), record, 'KEEPTTL')
    return { backend, second: async () => open(), spoil, close: () => backend.close() }
  }
  backendSuite({ describe, it }, `redis, ${serializer}`, opened)
  jobIndexSuite({ describe, it }, `redis, ${serializer}`, opened)
  notesSuite({ describe, it }, `redis, ${serializer}`, opened)
  revokedSuite({ describe, it }, `redis, ${serializer}`, opened)
  eventLogSuite({ describe, it }, `redis, ${serializer}`, () => opened({ eventLog: SUITE_EVENT_LOG }))
}

describe('records', () => {
  let backend: RedisBackend
  beforeEach(async () => {
    await server.cli('FLUSHALL')
    backend = new StandaloneRedisBackend(server.url(), options)
  })
  afterEach(() => backend.close())

  test('as Celery has them: key, JSON, life time; published, but for PENDING', async () => {
    const heard: string[] = []
    const other = connectRedis(server.url())
    await other.subscribe('celery-task-meta-1', (message) => heard.push(message.toString()))
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', SUCCESS, { result: 3, name: 'add' }))
    const stored = await server.cli('GET', 'celery-task-meta-1')
    expect(JSON.parse(stored)).toMatchObject({
      status: 'SUCCESS',
      result: 3,
      task_id: '1',
      traceback: null,
      children: [],
    })
    expect(Number(await server.cli('PTTL', 'celery-task-meta-1'))).toBeGreaterThan(59_000)
    await until('published', () => heard.length > 0)
    expect(heard).toEqual([stored])
    await other.close()
  })

  test('what is not final is kept for longer; with resultExpires 0 all is, for ever', async () => {
    await backend.store(metaOf('1', STARTED))
    expect(Number(await server.cli('PTTL', 'celery-task-meta-1'))).toBeGreaterThan(6 * 86_400_000)
    const eternal = new StandaloneRedisBackend(server.url(), { ...options, expires: 0 })
    await Promise.all([
      eternal.store(metaOf('2', PENDING)),
      eternal.store(metaOf('3', SUCCESS)),
      eternal.revoked.add(['4']),
    ])
    for (const id of ['2', '3']) expect(await server.cli('PTTL', `celery-task-meta-${id}`)).toBe('-1')
    expect(await backend.revoked.all()).toEqual(['4'])
    await eternal.close()
  })

  test.each(['json', 'msgpack'] as const)('the moment of the submission is kept: %s', async (serializer) => {
    const keeper = new StandaloneRedisBackend(server.url(), { ...options, serializer })
    const date_submitted = '2026-11-01T12:00:00.123Z'
    await keeper.store(metaOf('1', PENDING, { date_submitted }))
    for (const state of [STARTED, 'STEP 1', 'S'.repeat(31), SUCCESS]) {
      const meta = metaOf('1', state, { result: { date_submitted: 'x', status: 'PENDING' } })
      await keeper.store(meta)
      expect((await keeper.load(['1']))[0]).toEqual({ ...meta, date_submitted })
    }
    expect(await keeper.store(metaOf('1', STARTED))).toBe(false)
    await keeper.close()
  })

  test.each([
    ['spaced', '{"status": "FAILURE", "result": null, "task_id": "1"}'],
    ['state not first', '{"task_id":"1","result":{"status":"PENDING"},"status":"SUCCESS"}'],
  ])('a final state that somebody else wrote stays: %s', async (_, text) => {
    await server.cli('SET', 'celery-task-meta-1', text)
    expect(await backend.store(metaOf('1', STARTED))).toBe(false)
    expect(await server.cli('GET', 'celery-task-meta-1')).toBe(text)
  })

  test('a state within the result is none', async () => {
    await backend.store(metaOf('1', 'STEP 1', { result: { status: 'SUCCESS' } }))
    expect(await backend.store(metaOf('1', SUCCESS))).toBe(true)
  })

  test('many in one turn are one call', async () => {
    await backend.store(metaOf('first', SUCCESS))
    await server.cli('CONFIG', 'RESETSTAT')
    await Promise.all(Array.from({ length: 400 }, (_, at) => backend.store(metaOf(String(at), SUCCESS))))
    await Promise.all(Array.from({ length: 400 }, (_, at) => backend.load([String(at)])))
    const stats = await server.cli('INFO', 'commandstats')
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBe(1)
    expect(Number(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1])).toBe(1)
  })

  test.each([
    ['', ''],
    ['app', 'app_'],
    ['app:', 'app:'],
    ['app.', 'app.'],
  ])('keyPrefix %j', async (keyPrefix, expected) => {
    const prefixed = new StandaloneRedisBackend(server.url(), { ...options, keyPrefix })
    await prefixed.store(metaOf('1', SUCCESS))
    await prefixed.revoked.add(['2'])
    const keys = (await server.cli('KEYS', '*')).split('\n').sort()
    expect(keys).toEqual([`${expected}celery-task-meta-1`, `${expected}celeriac.revoked`].sort())
    expect((await prefixed.load(['1']))[0]?.status).toBe(SUCCESS)
    await prefixed.close()
  })

  test('naive UTC of older Celery; its fields that we do not know', async () => {
    const text =
      '{"status": "SUCCESS", "result": [1], "traceback": null, "children": [], "date_done": "2026-11-21T00:21:15.991942", "k": "v", "task_id": "1"}'
    await server.cli('SET', 'celery-task-meta-1', text)
    expect((await backend.load(['1']))[0]).toMatchObject({ date_done: '2026-11-21T00:21:15.991942+00:00', k: 'v' })
  })

  test('what cannot be read is told to its watch with the problem, and to no other', async () => {
    const broken = firstOf(backend, 'broken')
    const sound = firstOf(backend, 'sound')
    await until('both are heard', async () => (await server.cli('PUBSUB', 'CHANNELS')).split('\n').length === 2)
    await server.cli('PUBLISH', 'celery-task-meta-broken', 'no JSON')
    expect((await broken)?.problem).toBeInstanceOf(DecodeError)
    await backend.store(metaOf('sound', SUCCESS))
    expect((await sound)?.status).toBe(SUCCESS)
  })
})

async function firstOf(backend: RedisBackend, id: string): Promise<TaskMeta | undefined> {
  for await (const meta of backend.watch([id], new AbortController().signal)) return meta
  return undefined
}

async function lastOf(backend: RedisBackend, id: string): Promise<TaskMeta | undefined> {
  let last: TaskMeta | undefined
  for await (const meta of backend.watch([id], new AbortController().signal)) last = meta
  return last
}

describe('watching', () => {
  test('one subscription for all, ended with the last who watches; no polling', async () => {
    await server.cli('FLUSHALL')
    const backend = new StandaloneRedisBackend(server.url(), options)
    const ids = Array.from({ length: 50 }, (_, at) => String(at))
    const all = [...ids, ...ids].map((id) => lastOf(backend, id))
    await until('heard', async () => (await server.cli('PUBSUB', 'CHANNELS')).split('\n').length === 50)
    expect((await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n')).toHaveLength(1)
    await pause(100)
    await server.cli('CONFIG', 'RESETSTAT')
    await pause(1000)
    expect(await server.cli('INFO', 'commandstats')).not.toMatch(/mget|get:/)
    await Promise.all(ids.map((id) => backend.store(metaOf(id, SUCCESS))))
    await Promise.all(all)
    await until('nothing heard any more', async () => (await server.cli('PUBSUB', 'CHANNELS')) === '')
    await backend.close()
  })

  test('what was published while the subscription was away is read', async () => {
    await server.cli('FLUSHALL')
    const proxy = await startProxy({ port: server.port })
    const watcher = new StandaloneRedisBackend(proxy.url(server.url()), options)
    const writer = new StandaloneRedisBackend(server.url(), options)
    await writer.store(metaOf('1', STARTED))
    const last = lastOf(watcher, '1')
    const other = lastOf(watcher, '2')
    await until('heard', async () => (await server.cli('PUBSUB', 'CHANNELS')).split('\n').length === 2)
    // Their first reading, which follows, is over: cut off, it would be refused, as any call is.
    await pause(300)
    proxy.refuse()
    await writer.store(metaOf('1', SUCCESS, { result: 'meanwhile' }))
    await pause(200)
    proxy.resume()
    expect((await within('the result', last))?.result).toBe('meanwhile')
    await writer.store(metaOf('2', SUCCESS))
    expect((await within('the other', other))?.status).toBe(SUCCESS)
    await Promise.all([watcher.close(), writer.close(), proxy.stop()])
  })

  test('a restart of the server does not end it', async () => {
    const own = await RedisServer.start({ appendonly: true })
    const backend = new StandaloneRedisBackend(own.url(), options)
    const last = lastOf(backend, '1')
    await until('heard', async () => (await own.cli('PUBSUB', 'CHANNELS')) !== '')
    // A read that the restart cuts off is an error of its own.
    await until('read', async () => (await own.cli('INFO', 'commandstats')).includes('cmdstat_mget'))
    await own.restart()
    await backend.store(metaOf('1', SUCCESS))
    expect((await within('the end', last))?.status).toBe(SUCCESS)
    await backend.close()
    await own.stop()
  })

  test('closing ends it', async () => {
    const backend = new StandaloneRedisBackend(server.url(), options)
    const last = lastOf(backend, 'never')
    await until('heard', async () => (await server.cli('PUBSUB', 'CHANNELS')) !== '')
    await Promise.all([expect(within('the end', last)).rejects.toThrow(StoreUnavailableError), backend.close()])
  })
})

test('without a server: an error within the limit, and abort ends a watch at once', async () => {
  const backend = new StandaloneRedisBackend('redis://127.0.0.1:1', { ...options, storeTimeout: 300 })
  await expect(backend.store(metaOf('1', SUCCESS))).rejects.toThrow(StoreUnavailableError)
  await expect(backend.load(['1'])).rejects.toThrow(StoreUnavailableError)
  await expect(lastOf(backend, '1')).rejects.toThrow(StoreUnavailableError)
  for await (const meta of backend.watch(['1'], AbortSignal.timeout(50))) expect.fail(meta.status)
  await backend.close()
})
