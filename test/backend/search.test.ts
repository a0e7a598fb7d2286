import { describe, expect, test } from 'vitest'
import type { BackendOptions, ResultBackend } from '../../src/backend/backend.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { FAILURE, PENDING, SUCCESS } from '../../src/protocol/states.ts'
import { MemoryBackend } from '../../src/stores/memory/backend.ts'
import type { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import type { SqliteBackend } from '../../src/stores/sqlite/results/backend.ts'
import { jobsOf } from '../../src/testing/backendFixture.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend, StandaloneSqliteBackend } from '../stores/standalone.ts'

const options: BackendOptions = {
  expires: 60_000,
  serializer: 'json',
  accept: ['json', 'msgpack'],
}
const COUNT = 10_500
const idsOf = (metas: readonly TaskMeta[]): string[] => metas.map(({ task_id }) => task_id)

/** Records t1 to t10500, of which t2 is of `rare` and t3 of `hidden`; every other has failed. */
function fillSqlite({ file: { db } }: SqliteBackend): void {
  const error = '{"exc_type":"E","exc_message":["disk full"],"exc_module":null}'
  const meta = (status: string, result: string): string =>
    `'{"task_id":"t' || n || '","status":"${status}","result":${result},"name":"task"}'`
  db.exec(`WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${COUNT})
    INSERT INTO celeriac_result (id, task, state, final, version, created, expires, format, meta)
    SELECT 't' || n, CASE n WHEN 2 THEN 'rare' ELSE 'task' END, CASE n % 2 WHEN 0 THEN 'FAILURE' ELSE 'SUCCESS' END,
      1, n, 1e12 + n, 9e15, 'application/json',
      CASE n % 2 WHEN 0 THEN ${meta(FAILURE, error)} ELSE ${meta(SUCCESS, '1')} END FROM number`)
}

async function expectBounded(backend: ResultBackend): Promise<void> {
  const { list } = jobsOf(backend)
  const first = await list({ limit: 2, q: 'rare' })
  expect([first.metas, typeof first.cursor]).toEqual([[], 'string'])
  const second = await list({ limit: 2, q: 'rare', cursor: first.cursor })
  expect([idsOf(second.metas), second.cursor]).toEqual([['t2'], undefined])
  const full = await list({ limit: 2, q: 'FULL' })
  expect(idsOf(full.metas)).toEqual(['t10500', 't10498'])
  const rest = await list({ limit: 2, q: 'full disk', cursor: full.cursor })
  expect(idsOf(rest.metas)).toEqual(['t10496', 't10494'])
}

describe('a search looks at a bounded number of records for a page', () => {
  test('memory', async () => {
    const backend = new MemoryBackend(options)
    for (let n = 1; n <= COUNT; n++) {
      const failed = { exc_type: 'E', exc_message: ['disk full'], exc_module: null }
      const fields = { name: n === 2 ? 'rare' : 'task', result: n % 2 ? 1 : failed }
      await backend.store(metaOf(`t${n}`, n % 2 ? SUCCESS : FAILURE, fields))
    }
    await expectBounded(backend)
    await backend.close()
  })

  test('sqlite, and has others take their turns between', async () => {
    const folder = new Folder()
    const backend = new StandaloneSqliteBackend(folder.url(), options)
    fillSqlite(backend)
    await expectBounded(backend)
    let turns = 0
    const count = (): void => {
      turns++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    await backend.jobs.list({ limit: 1, q: 'nowhere' })
    clearImmediate(next)
    expect(turns).toBeGreaterThan(10)
    await backend.close()
    folder.remove()
  })
})

describe('on redis', () => {
  const redis = async (run: (server: RedisServer, backend: RedisBackend) => Promise<void>): Promise<void> => {
    const server = await RedisServer.start()
    const backend = new StandaloneRedisBackend(server.url(), options)
    try {
      await run(server, backend)
    } finally {
      await backend.close()
      await server.stop()
    }
  }
  const moment = (at: number): string => new Date(1e12 + at).toISOString()

  test('a page looks at a bounded number of records, and may be empty with a next one', () =>
    redis(async (_server, backend) => {
      const add = (at: number, fields: Partial<TaskMeta>): Promise<boolean> =>
        backend.store(metaOf(`t${at}`, PENDING, { date_submitted: moment(at), ...fields }), undefined, {})
      await Promise.all(Array.from({ length: 1500 }, (_, at) => add(at, { name: at === 7 ? 'rare' : 'task' })))
      const first = await backend.jobs.list({ limit: 1, q: 'rare' })
      expect([first.metas, typeof first.cursor]).toEqual([[], 'string'])
      const second = await backend.jobs.list({ limit: 1, q: 'rare', cursor: first.cursor })
      expect([idsOf(second.metas), second.cursor]).toEqual([['t7'], undefined])
    }))

  test('records that Celery wrote, and those whose origin has expired', () =>
    redis(async (server, backend) => {
      const error = '{"exc_type": "KeyError", "exc_message": ["\\u00c4pfel", 2], "exc_module": "builtins"}'
      const texts = [
        `{"status": "FAILURE", "result": ${error}, "traceback": null, "children": [], "date_done": null, "task_id": "0"}`,
        `{"task_id": "1", "result": ${error}, "traceback": "${'x'.repeat(500)}", "status": "FAILURE"}`,
        `{"status": "SUCCESS", "result": ${error}, "traceback": null, "children": [], "date_done": null, "task_id": "2"}`,
      ]
      for (const [at, text] of texts.entries()) {
        const meta = metaOf(`${at}`, PENDING, { name: `python.task${at}`, date_submitted: moment(at) })
        await backend.store(meta, undefined, { tags: [`tag${at}`] })
        await server.cli('SET', `celery-task-meta-${at}`, text)
      }
      await backend.store(metaOf('3', PENDING, { name: 'named', date_submitted: moment(3) }), undefined, {
        tags: ['x'],
      })
      await server.cli('DEL', 'celeriac.origin-3')
      await backend.store(metaOf('4', PENDING, { name: 'named', date_submitted: moment(4) }), undefined, {})
      await server.cli('DEL', 'celery-task-meta-4')
      const find = async (q: string): Promise<string[]> => idsOf((await backend.jobs.list({ limit: 9, q })).metas)
      expect(await find('keyerror äpfel')).toEqual(['1', '0'])
      expect(await find('äpfel PYTHON.TASK1')).toEqual(['1'])
      expect(await find('tag2')).toEqual(['2'])
      expect(await find('named')).toEqual(['3'])
      expect(await server.cli('ZCARD', 'celeriac.jobs')).toBe('4')
    }))

  test.each(['json', 'msgpack'] as const)('long results are not read where they cannot matter, %s', (serializer) =>
    redis(async (server) => {
      const backend = new StandaloneRedisBackend(server.url(), { ...options, serializer })
      for (const at of [0, 1, 2]) {
        const fields = { name: `task${at}`, date_submitted: moment(at) }
        await backend.store(metaOf(`t${at}`, PENDING, fields), undefined, { tags: [] })
        await backend.store(metaOf(`t${at}`, SUCCESS, { ...fields, result: 'x'.repeat(1_000_000) }))
      }
      const sent = async (): Promise<number> =>
        Number(/total_net_output_bytes:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1])
      const before = await sent()
      expect(idsOf((await backend.jobs.list({ limit: 9, q: 'nowhere' })).metas)).toEqual([])
      expect((await sent()) - before).toBeLessThan(50_000)
      expect(idsOf((await backend.jobs.list({ limit: 9, q: 'task1' })).metas)).toEqual(['t1'])
      expect((await sent()) - before).toBeLessThan(1_100_000)
      await backend.close()
    }),
  )
})
