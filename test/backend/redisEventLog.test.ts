import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EventFeed } from '../../src/calls/eventFeed.ts'
import { writeEmission } from '../../src/protocol/emission.ts'
import { FAILURE, PENDING, PROGRESS, STARTED, SUCCESS } from '../../src/protocol/states.ts'
import type { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { until, within } from '../../src/testing/kit.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend } from '../stores/standalone.ts'

describe('logs in Redis', () => {
  let server: RedisServer
  let backend: RedisBackend
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    await server.cli('FLUSHALL')
    backend = open()
  })
  afterEach(() => backend.close())

  const open = (more: { keyPrefix?: string; eventLog?: number } = {}): RedisBackend =>
    new StandaloneRedisBackend(server.url(), {
      expires: 60_000,
      serializer: 'json',
      accept: ['json'],
      ...more,
    })
  /** As Celery's Redis backend stores a state. */
  const storeAsPython = async (status: string, result: string): Promise<void> => {
    const record = `{"status": "${status}", "result": ${result}, "traceback": null, "children": [], "date_done": null, "task_id": "1"}`
    await server.cli('SETEX', 'celery-task-meta-1', '86400', record)
    await server.cli('PUBLISH', 'celery-task-meta-1', record)
  }

  test('a list beside the record, with its life time; nothing where nothing happens on the way', async () => {
    await backend.store(metaOf('quiet', PENDING))
    await backend.store(metaOf('quiet', SUCCESS))
    expect(await server.cli('KEYS', '*')).toBe('celery-task-meta-quiet')
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', STARTED))
    expect(Number(await server.cli('PTTL', 'celeriac.events-1'))).toBeGreaterThan(6 * 86_400_000)
    const record = await server.cli('GET', 'celery-task-meta-1')
    expect(await server.cli('LRANGE', 'celeriac.events-1', '0', '-1')).toBe(`2 ${record}`)
    await backend.store(metaOf('1', SUCCESS))
    const left = Number(await server.cli('PTTL', 'celeriac.events-1'))
    expect([left > 50_000, left <= 60_000]).toEqual([true, true])
    await backend.forget(['1', 'quiet'])
    expect(await server.cli('KEYS', '*')).toBe('')
  })

  test('below the key prefix; none with eventLog 0', async () => {
    const prefixed = open({ keyPrefix: 'tenant:' })
    await prefixed.store(metaOf('1', STARTED))
    expect((await server.cli('KEYS', '*')).split('\n').sort()).toEqual(
      ['tenant:celery-task-meta-1', 'tenant:celeriac.events-1'].sort(),
    )
    await prefixed.close()
    const without = open({ eventLog: 0 })
    await without.store(metaOf('2', STARTED))
    expect(await server.cli('EXISTS', 'celeriac.events-2')).toBe('0')
    await without.close()
  })

  test('what was handed in twice, as its answer was lost, is kept once; the log has the life time of what is not final', async () => {
    await backend.store(metaOf('1', STARTED))
    const parts = ['a', 'b', 'c', 'd'].map((value) => writeEmission({ kind: 'chunk', attempt: 1, value }, 'json'))
    const output = { id: '1', run: 'run-1', from: 1, emissions: parts.slice(0, 2), again: false }
    await backend.events.append(output)
    await backend.store(metaOf('1', PROGRESS, { result: 1 }))
    expect(await backend.events.append({ ...output, again: true })).toBe(true)
    expect(await backend.events.append({ ...output, from: 2, emissions: parts.slice(1, 3), again: true })).toBe(true)
    expect(await backend.events.append({ ...output, run: 'run-2', emissions: parts.slice(3), again: true })).toBe(true)
    const [history] = await backend.events.read([{ id: '1', after: 2 }])
    expect(history?.logged.map(({ emission, meta }) => emission?.value ?? meta.status)).toEqual([
      ...['a', 'b', PROGRESS, 'c', 'd'],
    ])
    expect(Number(await server.cli('PTTL', 'celeriac.events-1'))).toBeGreaterThan(6 * 86_400_000)
  })

  test('what a Python worker stores is told without a number, its end with one', async () => {
    const feed = new EventFeed(backend)
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', PROGRESS, { result: 'ours' }))
    const seen: string[] = []
    const reading = (async () => {
      for await (const step of feed.follow('1', 0, new AbortController().signal))
        if (step !== 'gap') seen.push(`${step.seq} ${step.meta.status} ${step.meta.result}`)
    })()
    await until('ours', () => seen.length === 2)
    await storeAsPython('PROGRESS', '"theirs"')
    await until('theirs', () => seen.length === 3)
    await storeAsPython('SUCCESS', '42')
    await within('the end', reading)
    expect(seen).toEqual(['1 PENDING null', '2 PROGRESS ours', 'undefined PROGRESS theirs', '3 SUCCESS 42'])
    const failed = metaOf('2', FAILURE)
    await backend.store(failed)
    expect((await backend.events.read([{ id: '2', after: 0 }]))[0]).toMatchObject({ last: 1, counted: false })
  })

  test('nothing is missed while the connections are away', async () => {
    const writer = open()
    const feed = new EventFeed(backend)
    await writer.store(metaOf('1', PENDING))
    const seen: (number | undefined)[] = []
    const reading = (async () => {
      for await (const step of feed.follow('1', 0, new AbortController().signal))
        seen.push(step === 'gap' ? -1 : step.seq)
    })()
    await until('it is followed', () => seen.length === 1)
    for (let round = 0; round < 3; round++) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
      for (let at = 0; at < 5; at++) await writer.store(metaOf('1', PROGRESS, { result: at }))
    }
    await writer.store(metaOf('1', SUCCESS))
    await within('the end', reading, 20_000)
    expect(seen).toEqual(Array.from({ length: 17 }, (_, at) => at + 1))
    await writer.close()
  })
})
