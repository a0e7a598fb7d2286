import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { FAILURE, PENDING, SUCCESS } from '../../protocol/states.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type Case, casesOn, jobsOf, type OpenedBackend, type Place } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'
import type { Kit } from '../kit.ts'
import { searching, searchingAmong, searchingText } from './jobIndexSearch.ts'

/** What the lists of a result backend must do: each case is a sentence of the contract in `backend/jobIndex.ts`. */
export function jobIndexSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  const one = casesOn(kit, open)
  kit.describe(`jobs ${name}`, () => {
    listing(one)
    listingAll(one)
    listingByMetadata(one)
    keepingMetadata(one)
    searching(one)
    searchingText(one)
    searchingAmong(one)
  })
}

/**
 * A record that `list` has. Where the order is that of the moments, and of the ids within one, each has a moment of its
 * own.
 */
function submit(backend: ResultBackend, at: number, fields: Partial<TaskMeta> = {}): Promise<boolean> {
  if (jobsOf(backend).scope !== 'marked') return backend.store(metaOf(`t${at}`, PENDING, fields))
  const date_submitted = new Date(Date.parse('2026-11-01T10:00:00Z') + at).toISOString()
  return backend.store(metaOf(`t${at}`, PENDING, { ...fields, date_submitted }), undefined, {})
}

function listing(it: Case): void {
  const fill = async ({ backend }: Place): Promise<void> => {
    for (let at = 0; at < 10; at++) await submit(backend, at, { name: at % 2 ? 'odd' : 'even' })
    for (const at of [0, 3, 5]) await backend.store(metaOf(`t${at}`, SUCCESS, { name: at % 2 ? 'odd' : 'even' }))
  }
  const ids = (metas: readonly TaskMeta[]): string => metas.map((meta) => meta.task_id.slice(1)).join('')

  it('list: newest submission first, by pages, whatever changes meanwhile', async (place) => {
    const { backend, other } = place
    await fill(place)
    const first = await jobsOf(backend).list({ limit: 4 })
    assert.deepEqual([ids(first.metas), typeof first.cursor], ['9876', 'string'])
    await submit(other, 10)
    await other.store(metaOf('t1', FAILURE))
    const second = await jobsOf(backend).list({ limit: 4, cursor: first.cursor })
    const third = await jobsOf(backend).list({ limit: 4, cursor: second.cursor })
    assert.deepEqual([ids(second.metas), ids(third.metas), third.cursor], ['5432', '10', undefined])
    const exact = await jobsOf(backend).list({ limit: 11 })
    assert.deepEqual([exact.metas.length, exact.cursor, exact.metas[0]?.name], [11, undefined, undefined])
  })

  it('list: by state and by task', async (place) => {
    const { backend } = place
    await fill(place)
    assert.equal(ids((await jobsOf(backend).list({ limit: 100, state: SUCCESS })).metas), '530')
    assert.equal(ids((await jobsOf(backend).list({ limit: 100, task: 'odd' })).metas), '97531')
    const page = await jobsOf(backend).list({ limit: 2, task: 'odd', state: PENDING })
    assert.equal(ids(page.metas), '97')
    assert.equal(
      ids((await jobsOf(backend).list({ limit: 2, task: 'odd', state: PENDING, cursor: page.cursor })).metas),
      '1',
    )
    assert.deepEqual(await jobsOf(backend).list({ limit: 5, task: 'none' }), { metas: [] })
  })

  it('list: a limit or cursor out of bounds is an ArgumentError', async ({ backend }) => {
    for (const limit of [0, -1, 1001, 1.5, Number.NaN])
      await assert.rejects(jobsOf(backend).list({ limit }), ArgumentError)
    for (const cursor of ['', '-1', 'x', '1e3', '0x10', '99999999999999999999']) {
      await assert.rejects(jobsOf(backend).list({ limit: 10, cursor }), ArgumentError, cursor)
    }
  })
}

/** Which records are in the list, and whether each is found. */
function listingAll(it: Case): void {
  it('list: all records, or those that were submitted with metadata, as `scope` says', async ({ backend }) => {
    await backend.store(metaOf('plain', PENDING))
    await backend.store(metaOf('marked', PENDING), undefined, {})
    const listed = (await jobsOf(backend).list({ limit: 10 })).metas.map(({ task_id }) => task_id)
    assert.deepEqual(listed.sort(), jobsOf(backend).scope === 'all' ? ['marked', 'plain'] : ['marked'])
  })

  it('list: each once where all were submitted in one moment, also where the last of a page is forgotten', async (place) => {
    const { backend, other } = place
    const date_submitted = '2026-11-01T10:00:00.000Z'
    const given = Array.from({ length: 23 }, (_, at) => `t${at}${'é'.repeat(at % 3)}`)
    for (const id of given) await backend.store(metaOf(id, PENDING, { date_submitted }), undefined, {})
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await jobsOf(backend).list({ limit: 4, cursor })
      found.push(...page.metas.map(({ task_id }) => task_id))
      cursor = page.cursor
      await other.forget(found.slice(-1))
    } while (cursor !== undefined)
    assert.deepEqual(found.sort(), given.sort())
  })
}

function keepingMetadata(it: Case): void {
  it('store with metadata: that of the first record stays, also where a later one says another', async (place) => {
    const { backend, other } = place
    const said = { owner: 'ann', tags: ['x', 'é"'], input: new Uint8Array([0, 10, 255]) }
    await backend.store(metaOf('1', PENDING), undefined, said)
    await other.store(metaOf('1', PENDING), undefined, { owner: 'eve' })
    await other.store(metaOf('1', SUCCESS))
    const [metadata] = await jobsOf(other).metadata(['1'])
    assert.deepEqual(
      [metadata?.owner, metadata?.tags, [...(metadata?.input ?? [])]],
      ['ann', ['x', 'é"'], [0, 10, 255]],
    )
    await other.forget(['1'])
    assert.deepEqual(await jobsOf(backend).metadata(['1', 'none']), [undefined, undefined])
  })
}

/** What `list` finds by metadata. */
function listingByMetadata(it: Case): void {
  it('list: by owner, by tag, and since a moment, each page within all of them', async ({ backend }) => {
    const { list } = jobsOf(backend)
    const start = Date.parse('2026-11-01T10:00:00Z')
    const said = jobsOf(backend).scope === 'marked' ? {} : undefined
    for (let at = 0; at < 12; at++) {
      const meta = metaOf(`t${at}`, PENDING, {
        name: 'task',
        date_submitted: new Date(start + at * 1000).toISOString(),
      })
      const tags = at % 2 ? ['odd', 'all'] : ['all']
      await backend.store(meta, undefined, at === 11 ? said : { owner: at % 3 ? 'ann' : 'bob', tags })
    }
    const all = async (filter: Omit<Parameters<typeof list>[0], 'limit'>): Promise<string> => {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await list({ ...filter, limit: 2, cursor })
        found.push(...page.metas.map(({ task_id }) => task_id.slice(1)))
        cursor = page.cursor
      } while (cursor !== undefined)
      return found.join(' ')
    }
    assert.equal(await all({ owner: 'bob' }), '9 6 3 0')
    assert.equal(await all({ tag: 'odd' }), '9 7 5 3 1')
    assert.equal(await all({ owner: 'bob', tag: 'odd' }), '9 3')
    assert.equal(await all({ since: start + 9_000 }), '11 10 9')
    assert.equal(
      await all({ owner: 'ann', tag: 'all', since: start + 5_000, task: 'task', state: PENDING }),
      '10 8 7 5',
    )
    assert.equal(await all({ owner: 'eve' }), '')
    assert.equal(await all({ tag: 'od' }), '')
    await backend.forget(['t9'])
    assert.equal(await all({ owner: 'bob', tag: 'odd' }), '3')
  })
}
