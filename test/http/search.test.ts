import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer } from '../../src/http/server/serve.ts'
import { FAILURE, PROGRESS } from '../../src/protocol/states.ts'
import { storesOf } from '../app/stores.ts'
import { problemOf, type Service, startService, stores } from './harness.ts'

const headersOf = (who: string): Record<string, string> => ({ authorization: `Bearer a-token-of-${who}-1234` })
const TOKENS = {
  'a-token-of-ann-1234': 'ann',
  'a-token-of-bob-1234': 'bob',
  'a-token-of-root-1234': { id: 'root', scopes: ['admin'] },
}

interface Page {
  readonly ids: readonly string[]
  readonly next: string | undefined
}

describe.each([...stores, 'redis:'])('GET /v1/jobs?q= on %s', (store) => {
  let service: Service
  /** Ids of all pages, in their order. */
  let search: (query: string, who?: string) => Promise<string[]>
  let page: (path: string, who: string) => Promise<Page>

  beforeAll(async () => {
    service = await startService(store, { authorize: bearer(TOKENS) })
    const { backend } = await storesOf(service.app)
    let at = 0
    const add = (id: string, owner: string, fields: object, tags: readonly string[] = []): Promise<boolean> => {
      const date_submitted = new Date(Date.parse('2026-11-01T10:00:00Z') + at++ * 1000).toISOString()
      const meta = { task_id: id, status: 'PENDING', result: null, traceback: null, date_done: null, children: [] }
      return backend.store({ ...meta, name: 'tasks.add', date_submitted, ...fields }, undefined, { owner, tags })
    }
    const failed = (message: string): object => ({
      status: FAILURE,
      result: { exc_type: 'DiskError', exc_message: [message], exc_module: 'celeriac.errors' },
    })
    for (let number = 0; number < 15; number++)
      await add(`hidden-${number}`, 'ann', { name: 'tasks.hidden', ...failed('the hidden secret') })
    await add('a1', 'ann', failed('50% of Größe_x + more'), ['Spring sale'])
    await add('a2', 'ann', { name: 'tasks.echo', status: PROGRESS })
    await add('a3', 'ann', failed('5000 of GRÖSSE'), ['autumn'])
    await add('b1', 'bob', failed('50% of Größe_x, the secret of Bob'), ['spring'])
    await add('b2', 'bob', { name: 'tasks.echo' }, ['secret'])
    page = async (path, who) => {
      const answer = await service.fetch(path, { headers: headersOf(who) })
      expect(answer.status).toBe(200)
      const { jobs } = (await answer.json()) as { jobs: { id: string }[] }
      const next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
      return { ids: jobs.map(({ id }) => id), next }
    }
    search = async (query, who = 'ann') => {
      const found: string[] = []
      for (let path: string | undefined = `/v1/jobs?${query}`; path !== undefined; ) {
        const { ids, next } = await page(path, who)
        found.push(...ids)
        path = next
      }
      return found
    }
  })
  afterAll(() => service[Symbol.asyncDispose]())

  test('by words, whatever is in them, page by page', async () => {
    expect(await search('q=diskerror')).toEqual(['a3', 'a1'])
    expect(await search('q=diskerror&limit=1')).toEqual(['a3', 'a1'])
    expect(await search(`q=${encodeURIComponent('50% GRÖßE_X')}`)).toEqual(['a1'])
    expect(await search(`q=${encodeURIComponent('größe_x')}`)).toEqual(['a1'])
    expect(await search('q=50%25++more%09spring%20SALE&limit=1')).toEqual(['a1'])
    expect(await search('q=%2B')).toEqual(['a1'])
    expect(await search('q=tasks.echo')).toEqual(['a2'])
    expect(await search('q=*')).toEqual([])
  })

  test('together with the other filters', async () => {
    expect(await search('q=a&state=FAILURE')).toEqual(['a3', 'a1'])
    expect(await search('q=tasks&state=STARTED&limit=1')).toEqual(['a2'])
    expect(await search('q=disk&tag=autumn')).toEqual(['a3'])
    expect(await search('q=disk&task=tasks.echo')).toEqual([])
    expect(await search('q=tasks&since=2026-11-01T10:00:16Z')).toEqual(['a3', 'a2'])
  })

  test("never finds what is another's", async () => {
    expect(await search('q=secret', 'bob')).toEqual(['b2', 'b1'])
    expect(await search('q=secret&limit=1', 'root')).toEqual(['b2', 'b1'])
    expect(await search('q=bob')).toEqual([])
    expect(await search('q=spring')).toEqual(['a1'])
    // What is found in the jobs of others, or of tasks that are not exposed, changes nothing, not even where a page ends.
    for (const who of ['ann', 'root'])
      expect(await page('/v1/jobs?q=hidden&limit=1', who)).toEqual({ ids: [], next: undefined })
    expect(await page('/v1/jobs?q=bob&limit=1', 'ann')).toEqual({ ids: [], next: undefined })
  })

  test.each(['', '+', '%20%09', 'x'.repeat(201), 'a%00b', 'a%FF', '%ED%A0%80', 'a&q=b'])('400 for ?q=%s', async (q) => {
    const answer = await service.fetch(`/v1/jobs?q=${q}`, { headers: headersOf('ann') })
    const problem = await problemOf(answer, 400, 'invalid-query')
    expect(problem.errors).toMatchObject([{ parameter: 'q', detail: expect.any(String) }])
  })

  test('200 characters are fine, whatever their length in bytes', async () => {
    expect(await search(`q=${encodeURIComponent('\u{1f331}'.repeat(200))}`)).toEqual([])
  })
})
