import assert from 'node:assert/strict'
import { PENDING, SUCCESS } from '../../protocol/states.ts'
import type { Case } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'

/** What a backend keeps beside the records: notes, and submission metadata. */
export function noting(it: Case): void {
  it('keep: the first note of a key stays until it expires, for all who share the store', async ({
    backend,
    other,
  }) => {
    if (!backend.keep || !backend.recall || !other.keep || !other.recall) return
    const note = (key: string, value: string, expires: number) => ({ key, value, expires: Date.now() + expires })
    const kept = await Promise.all([
      backend.keep(note('k', 'one', 60_000)),
      other.keep(note('k', 'two', 60_000)),
      backend.keep(note('k é\n"', 'three', 60_000)),
    ])
    assert.equal(kept.filter(Boolean).length, 2)
    assert.equal(await other.recall('k'), kept[0] ? 'one' : 'two')
    assert.equal(await other.recall('k é\n"'), 'three')
    assert.equal(await backend.recall('unknown'), undefined)
    assert.equal(await backend.keep(note('gone', 'old', -1)), true)
    assert.equal(await other.recall('gone'), undefined)
    assert.equal(await other.keep(note('gone', 'new', 60_000)), true)
    assert.equal(await backend.recall('gone'), 'new')
  })

  it('replace: a note whatever was there, for all who share the store; an expired one drops it', async (place) => {
    const { backend, other } = place
    if (!backend.keep || !backend.recall || !backend.replace || !other.recall || !other.keep) return
    const note = (value: string, expires: number) => ({ key: 'r', value, expires: Date.now() + expires })
    await backend.replace(note('one', 60_000))
    await backend.replace(note('two', 60_000))
    assert.equal(await other.recall('r'), 'two')
    assert.equal(await other.keep(note('three', 60_000)), false)
    await backend.replace(note('gone', -1))
    assert.equal(await other.recall('r'), undefined)
    assert.equal(await other.keep(note('three', 60_000)), true)
    await backend.replace(note('four', 60_000))
    assert.equal(await other.recall('r'), 'four')
  })

  it('store with an origin: that of the first record stays, also where a later one says another', async (place) => {
    const { backend, other } = place
    if (!backend.origins || !other.origins) return
    const said = { owner: 'ann', tags: ['x', 'é"'], input: new Uint8Array([0, 10, 255]) }
    await backend.store(metaOf('1', PENDING), undefined, said)
    await other.store(metaOf('1', PENDING), undefined, { owner: 'eve' })
    await other.store(metaOf('1', SUCCESS))
    const [origin] = await other.origins(['1'])
    assert.deepEqual([origin?.owner, origin?.tags, [...(origin?.input ?? [])]], ['ann', ['x', 'é"'], [0, 10, 255]])
    await other.forget(['1'])
    assert.deepEqual(await backend.origins(['1', 'unknown']), [undefined, undefined])
  })
}

/** What `list` finds by origin. */
export function listingByOrigin(it: Case): void {
  it('list: by owner, by tag, and since a moment, each page within all of them', async ({ backend }) => {
    if (!backend.list || !backend.origins) return
    const list = backend.list.bind(backend)
    const start = Date.parse('2026-11-01T10:00:00Z')
    const said = backend.lists === 'marked' ? {} : undefined
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
