import { afterEach, expect, test, vi } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { FAILURE, SUCCESS } from '../../src/protocol/states.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { until } from '../../src/testing/kit.ts'
import { emptySchema } from '../postgres/shared.ts'
import { StandalonePostgresBackend } from '../postgres/standalone.ts'

const options: BackendOptions = { expires: 3_600_000, serializer: 'json', accept: ['json'] }

let backend: StandalonePostgresBackend | undefined
afterEach(async () => {
  vi.useRealTimers()
  await backend?.close()
})

/** Records of tasks that have succeeded, `age` ms ago. */
async function add(count: number, age: number): Promise<void> {
  const created = Date.now() - age
  await backend?.value(
    `INSERT INTO celeriac.result (id, task, state, final, created, expires, format, meta)
    SELECT gen_random_uuid(), 'suite.task', 'SUCCESS', true, $1::bigint, $1::bigint + 3600000, 'application/json',
      '{"status":"SUCCESS"}' FROM generate_series(1, $2::integer)`,
    created,
    count,
  )
}

test('what is listed is found among many, each once', { timeout: 120_000 }, async () => {
  backend = new StandalonePostgresBackend(await emptySchema(), options)
  const metadata = { owner: 'me', tags: ['rare'] }
  for (const id of ['a', 'b', 'c']) {
    await backend.store(metaOf(id, FAILURE), undefined, metadata)
    await add(120_000, 0)
  }
  for (const filter of [{ state: FAILURE }, { tag: 'rare' }, { owner: 'me' }]) {
    const found: string[] = []
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await backend.jobs.list({ ...filter, limit: 2, cursor })
      found.push(...page.metas.map(({ task_id }) => task_id))
      cursor = page.cursor
    }
    expect(found).toEqual(['c', 'b', 'a'])
  }
})

test('what has expired is dropped in windows, in one minute', { timeout: 120_000 }, async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  backend = new StandalonePostgresBackend(await emptySchema(), options)
  await add(30_000, 2 * 3_600_000)
  await add(2000, 0)
  await backend.store(metaOf('last', SUCCESS))
  await vi.advanceTimersByTimeAsync(60_000)
  await until('all is dropped', async () => (await backend?.value('SELECT count(*) FROM celeriac.result')) === '2001')
})
