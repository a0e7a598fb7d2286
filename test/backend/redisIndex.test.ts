import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import type { Submission, SubmissionMetadata } from '../../src/backend/unitOfWork.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { PENDING, SUCCESS } from '../../src/protocol/states.ts'
import { RedisBroker } from '../../src/stores/redis/broker/broker.ts'
import { connectRedis } from '../../src/stores/redis/connection/client.ts'
import type { RedisConnection } from '../../src/stores/redis/connection/connection.ts'
import { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { RedisUnitOfWork } from '../../src/stores/redis/unitOfWork.ts'
import { envelopeOf, metaOf, toQueue } from '../../src/testing/factories.ts'
import { RedisServer } from '../redis/server.ts'

const DAY = 86_400_000
/** What is final is kept for a minute. */
const options: BackendOptions = {
  expires: 60_000,
  serializer: 'json',
  accept: ['json', 'msgpack'],
}

let server: RedisServer
let connection: RedisConnection
let broker: RedisBroker
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.cli('FLUSHALL')
  connection = connectRedis(server.url())
  broker = new RedisBroker(server.url(), connection, { lease: 30_000, visibilityTimeout: 3_600_000 })
})
afterEach(async () => {
  await broker.close()
  await connection.close()
})

function open(more: Partial<BackendOptions> = {}): RedisBackend {
  return new RedisBackend(connection, { ...options, ...more }, broker.keys.unacked)
}

function submissionOf(id: string, age: number, metadata?: SubmissionMetadata, fields: Partial<TaskMeta> = {}) {
  const date_submitted = new Date(Date.now() - age).toISOString()
  const meta = metaOf(id, PENDING, { name: 'task', date_submitted, ...fields })
  return { message: { envelope: envelopeOf(id), route: toQueue('q') }, meta, metadata }
}

/** Hand in together, as one turn of the event loop does it. */
async function submit(backend: RedisBackend, submissions: readonly Submission[]): Promise<boolean[]> {
  const unitOfWork = new RedisUnitOfWork(broker, backend)
  return Promise.all(submissions.map((one) => unitOfWork.submit(one)))
}

async function calls(command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

const idsOf = (metas: readonly TaskMeta[]): string[] => metas.map(({ task_id }) => task_id)

describe('the index', () => {
  test.each(['json', 'msgpack'] as const)(
    'one ZADD for all of a write, and nothing for those without metadata: %s',
    async (serializer) => {
      const backend = open({ serializer })
      const date_submitted = new Date().toISOString()
      const many = (name: string, metadata?: SubmissionMetadata): Submission[] =>
        Array.from({ length: 300 }, (_, at) => submissionOf(`${name}${at}`, 0, metadata, { date_submitted }))
      await submit(backend, [submissionOf('first', 0, {})])
      await server.cli('CONFIG', 'RESETSTAT')
      await submit(backend, many('plain'))
      expect([await calls('zadd'), await calls('exists'), await calls('zcount')]).toEqual([0, 0, 0])
      await submit(backend, many('said', { input: '[]' }))
      // They leave as 16, 32, 64, 128 and the rest.
      expect([await calls('zadd'), await server.cli('ZCARD', 'celeriac.jobs')]).toEqual([5, '301'])
      expect(await server.cli('ZSCORE', 'celeriac.jobs', 'said7')).toBe(String(Date.parse(date_submitted)))
      await submit(
        backend,
        [...many('said', { tags: ['late'] })].map((one) => ({ ...one, once: true })),
      )
      expect([await calls('zadd'), await server.cli('ZCARD', 'celeriac.jobs')]).toEqual([5, '301'])
      await backend.close()
    },
  )

  test('one that is not sent is not in it; of those sent otherwise all are', async () => {
    const backend = open()
    const note = { key: 'k', value: 'v', expires: Date.now() + 60_000 }
    const later = submissionOf('later', 0, {})
    const sent = await submit(backend, [
      { ...submissionOf('noted', 2, {}), note },
      { ...submissionOf('again', 1, {}), note },
      { ...later, message: { ...later.message, notBefore: Date.now() + 60_000 } },
      { ...submissionOf('plain', 0), once: true },
    ])
    expect(sent).toEqual([true, false, true, true])
    expect(idsOf((await backend.jobs.list({ limit: 10 })).metas).sort()).toEqual(['later', 'noted'])
    await backend.close()
  })

  test('of one millisecond in the order of the bytes of their ids, whatever goes between the pages', async () => {
    const backend = open()
    const date_submitted = new Date().toISOString()
    const ids = ['a', 'b', 'é', 'aa', 'Z', '\u{1f331}', 'ab']
    await submit(
      backend,
      ids.map((id) => submissionOf(id, 0, {}, { date_submitted })),
    )
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await backend.jobs.list({ limit: 1, cursor })
      found.push(...idsOf(page.metas))
      cursor = page.cursor
      if (found.length % 2) await backend.forget(found.slice(-1))
    } while (cursor !== undefined)
    expect(found).toEqual(ids.toSorted((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a))))
    await backend.close()
  })

  test('keyPrefix: beside the records, and apart from other apps', async () => {
    const [one, other] = [open({ keyPrefix: 'one' }), open({ keyPrefix: 'other:' })]
    await submit(one, [submissionOf('1', 0, { owner: 'ann' })])
    await submit(other, [submissionOf('2', 0, {})])
    expect(idsOf((await one.jobs.list({ limit: 10, owner: 'ann' })).metas)).toEqual(['1'])
    expect(idsOf((await other.jobs.list({ limit: 10 })).metas)).toEqual(['2'])
    const keys = await server.cli('KEYS', '*celeriac.jobs')
    expect(keys.split('\n').sort()).toEqual(['one_celeriac.jobs', 'other:celeriac.jobs'])
    await Promise.all([one.close(), other.close()])
  })

  test('what Celery itself put in place of our record: by name, owner, tag and moment', async () => {
    const backend = open()
    const fields = { name: 'python.task', date_submitted: '2026-11-01T12:00:00.123Z' }
    await submit(backend, [submissionOf('1', 0, { owner: 'ann', tags: ['a'] }, fields)])
    await submit(backend, [submissionOf('2', 0, { input: '[[1]]' }, fields)])
    for (const id of ['1', '2', 'unknown']) {
      const text = `{"status": "SUCCESS", "result": 3, "traceback": null, "children": [], "date_done": null, "task_id": "${id}"}`
      await server.cli('SET', `celery-task-meta-${id}`, text)
    }
    const task = 'python.task'
    const { metas } = await backend.jobs.list({
      limit: 10,
      task,
      state: SUCCESS,
      since: Date.parse(fields.date_submitted),
    })
    expect(metas).toMatchObject([
      { task_id: '2', result: 3, ...fields },
      { task_id: '1', result: 3, ...fields },
    ])
    expect(idsOf((await backend.jobs.list({ limit: 10, task, owner: 'ann', tag: 'a' })).metas)).toEqual(['1'])
    expect((await backend.load(['1', '2', 'unknown'])).map((meta) => meta?.name)).toEqual([task, task, undefined])
    const [history] = await backend.events.read([{ id: '2', after: 0 }])
    expect(history?.meta).toMatchObject({ name: task, result: 3 })
    await backend.close()
  })

  test('long owners, tags and inputs', async () => {
    const backend = open()
    const owner = `${'é'.repeat(5000)}"\n`
    const said = { owner, tags: ['t'.repeat(100)], input: new Uint8Array([10, 0, 255]) }
    await submit(backend, [
      submissionOf('1', 0, said),
      submissionOf('2', 0, { tags: ['x'], input: 'é'.repeat(50_000) }),
    ])
    expect(idsOf((await backend.jobs.list({ limit: 10, owner })).metas)).toEqual(['1'])
    expect(idsOf((await backend.jobs.list({ limit: 10, tag: 'x' })).metas)).toEqual(['2'])
    expect(await backend.jobs.metadata(['1'])).toEqual([said])
    await backend.close()
  })
})

describe('what has expired', () => {
  test('a list drops those that it meets, and no other', async () => {
    const backend = open()
    await submit(
      backend,
      Array.from({ length: 9 }, (_, at) => submissionOf(`t${at}`, 100 - at, {})),
    )
    await server.cli('DEL', 'celery-task-meta-t7', 'celery-task-meta-t1')
    const page = await backend.jobs.list({ limit: 2 })
    expect(idsOf(page.metas)).toEqual(['t8', 't6'])
    expect(await server.cli('ZCARD', 'celeriac.jobs')).toBe('7')
    await backend.forget(['t6', 'unknown'])
    expect(await server.cli('ZCARD', 'celeriac.jobs')).toBe('6')
    const rest = await backend.jobs.list({ limit: 10, cursor: page.cursor })
    expect([idsOf(rest.metas), rest.cursor]).toEqual([['t5', 't4', 't3', 't2', 't0'], undefined])
    await backend.close()
  })

  test('a submission now and then sweeps those that are older than a result; the index goes when nobody submits', async () => {
    const backend = open()
    const old = Array.from({ length: 60 }, (_, at) => submissionOf(`old${at}`, 2 * DAY, {}))
    await submit(backend, [...old, submissionOf('young', 1000, {})])
    const gone = Array.from({ length: 50 }, (_, at) => `celery-task-meta-old${at}`)
    await server.cli('DEL', 'celery-task-meta-young', ...gone)
    const later = open()
    await submit(later, [submissionOf('new', 0, { input: '[]' })])
    // Ten old ones whose tasks wait still, and two that are too young to be looked at.
    expect(await server.cli('ZCARD', 'celeriac.jobs')).toBe('12')
    expect(Number(await server.cli('PTTL', 'celeriac.jobs'))).toBeGreaterThan(7 * DAY)
    await Promise.all([backend.close(), later.close()])
  })

  test('results that are kept for ever: so is the index', async () => {
    const backend = open({ expires: 0 })
    await submit(backend, [submissionOf('1', 400 * DAY, {})])
    await submit(backend, [submissionOf('2', 0, { tags: [] })])
    expect(idsOf((await backend.jobs.list({ limit: 10 })).metas)).toEqual(['2', '1'])
    expect(await server.cli('PTTL', 'celeriac.jobs')).toBe('-1')
    await backend.close()
  })
})

test('a page looks at a bounded number of records, and may be empty with a next one', async () => {
  const backend = open()
  const many = Array.from({ length: 1500 }, (_, at) =>
    submissionOf(`t${at}`, 0, { tags: [at === 0 ? 'rare' : 'common'] }),
  )
  await submit(
    backend,
    many.map((one, at) => ({
      ...one,
      meta: { ...one.meta, date_submitted: new Date(1e12 + at).toISOString() } as TaskMeta,
    })),
  )
  const first = await backend.jobs.list({ limit: 1, tag: 'rare' })
  expect([first.metas, typeof first.cursor]).toEqual([[], 'string'])
  const second = await backend.jobs.list({ limit: 1, tag: 'rare', cursor: first.cursor })
  expect([idsOf(second.metas), second.cursor]).toEqual([['t0'], undefined])
  const all = await backend.jobs.list({ limit: 1000, tag: 'common' })
  expect([all.metas.length, all.metas.at(-1)?.task_id]).toEqual([1000, 't500'])
  await backend.close()
})
