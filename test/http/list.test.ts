import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createHttp } from '../../src/http/api.ts'
import { createLogger } from '../../src/std/log.ts'
import { problemOf, type Service, startService, stores } from './harness.ts'

interface Page {
  readonly jobs: { id: string; state: string; result?: unknown; links: { self: string } }[]
  readonly cursor?: string
}

test('GET /v1/jobs where results are not kept in a list: 501', async () => {
  await using service = await startService('memory:', {}, 'rpc://')
  const { detail } = await problemOf(await service.fetch('/v1/jobs'), 501, 'cannot-list')
  expect(detail).toBe('rpc:// can only be asked for one job by its id')
})

describe.each([...stores, 'redis:'])('GET /v1/jobs on %s', (store) => {
  let service: Service
  beforeAll(async () => {
    service = await startService(store)
    const states = ['PENDING', 'STARTED', 'PROGRESS', 'SUCCESS', 'FAILURE']
    for (let index = 0; index < 40; index++) {
      const name = index % 2 === 0 ? 'tasks.add' : index % 4 === 1 ? 'tasks.echo' : 'tasks.hidden'
      await service.record({ task_id: `job-${index}`, status: states[index % 5] as string, result: null, name })
    }
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const pages = async (query: string): Promise<Page[]> => {
    const found: Page[] = []
    let path: string | undefined = `/v1/jobs${query}`
    while (path !== undefined) {
      const response = await service.fetch(path)
      expect(response.status).toBe(200)
      found.push((await response.json()) as Page)
      path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
    }
    return found
  }
  const idsOf = (found: Page[]): string[] => found.flatMap(({ jobs }) => jobs.map(({ id }) => id))

  const expected = (keep: (index: number) => boolean): string[] =>
    Array.from({ length: 40 }, (_, index) => 39 - index)
      .filter((index) => index % 4 !== 3 && keep(index))
      .map((index) => `job-${index}`)

  test('newest first, exposed tasks only, without results', async () => {
    const [page, ...more] = await pages('')
    expect(more).toEqual([])
    expect(idsOf([page as Page])).toEqual(expected(() => true))
    expect(page?.jobs[0]).not.toHaveProperty('result')
    expect(page?.cursor).toBeUndefined()
  })

  test.each([1, 2, 3, 7, 1000])('every job once, %i to a page', async (limit) => {
    const found = await pages(`?limit=${limit}`)
    expect(idsOf(found)).toEqual(expected(() => true))
    expect(Math.max(...found.map(({ jobs }) => jobs.length))).toBeLessThanOrEqual(limit)
    expect(found.every(({ jobs }, index) => jobs.length > 0 || index === found.length - 1)).toBe(true)
  })

  test('by task and by state', async () => {
    expect(idsOf(await pages('?task=tasks.echo&limit=3'))).toEqual(expected((index) => index % 4 === 1))
    expect(idsOf(await pages('?state=SUCCESS&limit=3'))).toEqual(expected((index) => index % 5 === 3))
    expect(idsOf(await pages('?state=SUCCESS&task=tasks.add'))).toEqual(
      expected((index) => index % 5 === 3 && index % 2 === 0),
    )
    expect(idsOf(await pages('?state=NOTHING'))).toEqual([])
  })

  test('STARTED includes those that reported progress', async () => {
    const found = await pages('?state=STARTED&limit=2')
    const both = expected((index) => index % 5 === 1 || index % 5 === 2)
    expect(idsOf(found).sort()).toEqual(both.sort())
    expect(new Set(found.flatMap(({ jobs }) => jobs.map(({ state }) => state)))).toEqual(new Set(['STARTED']))
  })

  test('by tag, and since a moment', async () => {
    for (const tags of ['?tag=a', '?tag=a&tag=b', '?tag=b']) await service.post(`/v1/tasks/tasks.add${tags}`, [1, 2])
    const found = await pages('?tag=a&limit=1')
    expect(found.map(({ jobs }) => jobs.length)).toEqual([1, 1])
    const [newest] = idsOf(await pages('?tag=b&limit=1'))
    const job = (await (await service.fetch(`/v1/jobs/${newest}`)).json()) as { createdAt: string }
    expect(idsOf(await pages(`?tag=b&since=${job.createdAt}`))).toContain(newest)
    expect(idsOf(await pages('?tag=b&since=2100-01-01'))).toEqual([])
    expect(idsOf(await pages('?since=2100-01-01T00:00:00+02:00'))).toEqual([])
    expect(idsOf(await pages('?tag=b&task=tasks.add&state=PENDING&since=2020-01-01T00:00Z')).length).toBe(2)
  })

  test.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=',
    'limit=1e2',
    'state=',
    'task=tasks.hidden',
    'cursor=',
    'cursor=x',
    'cursor=1',
    'page=2',
    'limit=1&limit=2',
    'state=a%00',
    'since=yesterday',
    'since=2026-13-01',
    'since=2026-11-01T10:00:00',
    'since=1760000000',
    'tag=',
  ])('400 for ?%s', async (query) => {
    const problem = await problemOf(await service.fetch(`/v1/jobs?${query}`), 400, 'invalid-query')
    expect(problem.errors).toMatchObject([{ parameter: query.split('=')[0], detail: expect.any(String) }])
  })

  test.each([{ keepInput: false }, { keepInput: true }])(
    'what was handed in over HTTP is listed: %j',
    async (options) => {
      const own = await startService(store, options)
      const sent = await own.post('/v1/tasks/tasks.add', [1, 2])
      const { id } = (await sent.json()) as { id: string }
      const { jobs } = (await (await own.fetch('/v1/jobs')).json()) as Page
      expect(jobs).toMatchObject([{ id, state: 'PENDING', links: { self: `/v1/jobs/${id}` } }])
      await own[Symbol.asyncDispose]()
    },
  )

  test('nothing exposed: nothing listed', async () => {
    const own = await startService(store, { expose: [] })
    await own.record({ task_id: 'a', name: 'tasks.add' })
    expect(await (await own.fetch('/v1/jobs')).json()).toEqual({ jobs: [] })
    await own[Symbol.asyncDispose]()
  })
})

test('the next page below a path that no header could hold', async () => {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  const add = app.task('add', (x: number, y: number) => x + y)
  const outer = new Hono().route('/:tenant', createHttp(app, { expose: [add] }))
  for (const x of [1, 2]) await add.applyAsync([x, x], { tags: ['a'] })
  const answer = await outer.request('/a%0d%0ab%C4%8D/v1/jobs?limit=1')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('link')).toMatch(/^<\/a%0D%0Ab%C4%8D\/v1\/jobs\?limit=1&cursor=[^>]+>; rel="next"$/)
  await app.close()
})
