import { pack } from 'msgpackr'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Keeping } from '../../src/backend/bounds/keeping.ts'
import { FAILURE, PENDING, SUCCESS } from '../../src/protocol/states.ts'
import type { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend } from '../stores/standalone.ts'

/* What a database has beside our own records. */

const DAY = 86_400_000

let server: RedisServer
let backend: RedisBackend
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())
beforeEach(() => server.cli('FLUSHALL'))
afterEach(() => backend.close())

function open(keyPrefix?: string): RedisBackend {
  backend = new StandaloneRedisBackend(server.url(), {
    expires: 0,
    serializer: 'json',
    accept: ['json', 'msgpack'],
    ...(keyPrefix !== undefined && { keyPrefix }),
  })
  return backend
}

async function keeping(): Promise<Keeping> {
  return new Keeping(await backend.rows())
}

function put(id: string, value: string | Uint8Array): Promise<unknown> {
  return backend.connection.command('SET', backend.keyOf(id), value)
}

async function keys(): Promise<readonly string[]> {
  return ((await backend.connection.command('KEYS', '*')) as string[]).sort()
}

/** As Celery writes it: the result before the moment of the end, with `result_extended` the arguments after it. */
function celeryMeta(day: number, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const result = { text: 'x'.repeat(2000), date_done: 'today' }
  const date_done = `2026-11-0${day}T21:15:16.991942+00:00`
  return { status: 'SUCCESS', result, traceback: null, children: [], date_done, ...more, task_id: `${day}` }
}

function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1).replaceAll('\n', '')
}

test("Celery's records that never expire: those that ended first go, before them what expires", async () => {
  open()
  await put('3', spaced(celeryMeta(3)))
  await put('1', pack(celeryMeta(1)))
  await put('4', spaced(celeryMeta(4, { name: 'py.add', args: ['y'.repeat(5000)], kwargs: {} })))
  await put('2', pack(celeryMeta(2, { args: ['y'.repeat(5000)] })))
  // Ours, which were submitted before and after.
  await backend.store(metaOf('0', SUCCESS, { date_submitted: '2026-10-31T00:00:00.000Z' }))
  await backend.store(metaOf('5', SUCCESS, { date_submitted: '2026-11-05T00:00:00.000Z' }))
  await backend.store(metaOf('soon', FAILURE, { result_expires: 7 * DAY }))
  expect((await (await keeping()).amount(false)).results).toBe(7)
  const left = ['0', '1', '2', '3', '4', '5']
  while (left.length > 0) {
    await (await keeping()).trim({ results: left.length })
    expect(await keys()).toEqual(left.map((id) => `celery-task-meta-${id}`))
    left.shift()
  }
})

test('a server without PEXPIRETIME: those that expire first go', async () => {
  open()
  await server.cli('ACL', 'SETUSER', 'old', 'on', 'nopass', '~*', '&*', '+@all', '-pexpiretime')
  const ids = ['1', '2', '3', '4']
  for (const id of ids.toReversed()) await backend.store(metaOf(id, SUCCESS, { result_expires: Number(id) * DAY }))
  await backend.connection.command('AUTH', 'old', 'x')
  const { dropped } = await (await keeping()).trim({ results: 2 })
  expect(dropped.results).toBe(2)
  await backend.connection.command('AUTH', 'default', '')
  expect(await keys()).toEqual(['celery-task-meta-3', 'celery-task-meta-4'])
})

test('what is no record of a job that has ended is neither counted nor dropped', async () => {
  open()
  const others = ['celery-taskset-meta-1', 'xcelery-task-meta-1', 'celery-task-metax1', 'app_celery-task-meta-1']
  for (const key of others) await server.cli('SET', key, spaced(celeryMeta(1)))
  await server.cli('HSET', backend.keyOf('hash'), 'status', 'SUCCESS')
  await put('text', 'no record')
  await put('long', `{"result": "${'x'.repeat(100_000)}", "status": "SUCCESS"}`)
  await put('custom', '{"status": "SUCCESSFUL", "result": null}')
  await backend.store(metaOf('waiting', PENDING))
  const before = await keys()
  expect(before).toHaveLength(9)
  // Of those whose state is not the first field short ones are read.
  await put('short', '{"result": {"status": "PENDING"}, "status": "SUCCESS"}')
  expect(await (await keeping()).amount(true)).toMatchObject({ results: 1, events: 0 })
  expect((await (await keeping()).trim({ results: 0, events: 0 })).dropped).toEqual({ results: 1, logs: 0 })
  expect(await keys()).toEqual(before)
})

test('a prefix with characters that patterns know', async () => {
  open('a*[b]?\\^-:')
  await server.cli('SET', 'axb:celery-task-meta-1', spaced(celeryMeta(1)))
  await server.cli('SET', 'a*b?\\^-:celery-task-meta-1', spaced(celeryMeta(1)))
  await backend.store(metaOf('1', PENDING), undefined, { owner: 'anna' })
  await backend.store(metaOf('1', SUCCESS))
  const { dropped } = await (await keeping()).trim({ results: 0 })
  expect(dropped.results).toBe(1)
  expect(await keys()).toEqual(['a*b?\\^-:celery-task-meta-1', 'axb:celery-task-meta-1'])
})

test('a job that ended once more after it was read stays', async () => {
  open()
  const rows = await backend.rows()
  await backend.store(metaOf('1', FAILURE, { result_expires: DAY }))
  const read = await rows.ended('', 100, { until: Number.MAX_SAFE_INTEGER, oneOf: 1, events: false })
  expect(read.rows.map(({ key }) => key)).toEqual(['celery-task-meta-1'])
  await (await backend.deadLetters()).reopen([metaOf('1', SUCCESS, { result_expires: 2 * DAY })])
  await rows.drop(read.rows)
  expect((await backend.load(['1']))[0]?.status).toBe(SUCCESS)
})

test('a walk has short steps, in which keys of others are passed over, and one of several is a sample', async () => {
  open()
  const others = Array.from({ length: 5000 }, (_, at) => [`other-${at}`, ''])
  await backend.connection.command('MSET', ...others.flat())
  const ids = Array.from({ length: 2000 }, (_, at) => `${at}`)
  await Promise.all(ids.map((id) => backend.store(metaOf(id, SUCCESS))))
  const rows = await backend.rows()
  const read: number[] = []
  let total = 0
  for (let from: string | undefined = ''; from !== undefined; ) {
    const { results, next } = await rows.sum(from, 10_000, false)
    read.push(results)
    total += results
    from = next
  }
  expect(total).toBe(2000)
  expect(Math.max(...read)).toBeLessThan(300)
  expect(read.length).toBeLessThan(100)
  const sample = new Set<string>()
  for (let from: string | undefined = ''; from !== undefined; ) {
    const page = await rows.ended(from, 10_000, { until: Number.MAX_SAFE_INTEGER, oneOf: 10, events: false })
    for (const { key } of page.rows) sample.add(key)
    from = page.next
  }
  expect(sample.size).toBeGreaterThan(100)
  expect(sample.size).toBeLessThan(300)
})
