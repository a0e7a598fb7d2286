import assert from 'node:assert/strict'
import { PENDING, STARTED, SUCCESS, UNKNOWN } from '../../protocol/states.ts'
import { DecodeError } from '../../std/errors.ts'
import type { Case, Place } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'
import { within } from '../kit.ts'

/** What no reader makes a record of, and the state that can be read nevertheless. */
const SPOILED: readonly (readonly [what: string, record: Uint8Array, state?: string])[] = [
  ['half of JSON', bytes('{"status": "STARTED", "result": {"pid": 1'), STARTED],
  ['JSON of another shape', bytes('[1, 2]')],
  ['a state of another type', bytes('{"status": 7, "task_id": "x", "result": null}')],
  ['an id of another type', bytes('{"status": "STARTED", "task_id": 5}'), STARTED],
  [
    'JSON with a value that is none',
    bytes('{"status": "STARTED", "result": {"__type__": "datetime", "__value__": "soon"}}'),
    STARTED,
  ],
  ['JSON nested too deep', bytes(`{"status": "STARTED", "result": ${'['.repeat(200)}${']'.repeat(200)}}`), STARTED],
  ['text in another encoding', Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)],
  ['half of msgpack', Uint8Array.of(0x82, 0xa6, ...bytes('status'), 0xa7, ...bytes('STARTED'), 0xa6), STARTED],
  ['msgpack that ends behind the first key', Uint8Array.of(0x81, 0xa6, ...bytes('status'))],
  ['a word of msgpack', Uint8Array.of(0xa3, 0x61, 0x62, 0x63)],
  ['one byte', Uint8Array.of(0xc1)],
]

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One that is spoiled between two that are not. */
async function three({ backend, spoil }: Place, record: Uint8Array): Promise<void> {
  for (const id of ['before', 'bad', 'after'])
    await backend.store(metaOf(id, PENDING, { name: 'reports.render' }), undefined, { tags: ['x'] })
  await spoil?.('bad', record)
}

/** A record that cannot be read is one job with its id and a problem; it takes no other along. */
export function spoiling(it: Case): void {
  for (const [what, record, state] of SPOILED) {
    it(`unreadable: ${what}: one job with its id and a problem`, async (place) => {
      const { other, spoil } = place
      if (!spoil) return
      await three(place, record)
      const [before, bad, after] = await other.load(['before', 'bad', 'after'])
      assert.deepEqual([before?.problem, after?.problem], [undefined, undefined])
      assert.equal(bad?.task_id, 'bad')
      assert.ok(bad.problem instanceof DecodeError)
      // A store may keep the state beside the record.
      assert.ok([state ?? UNKNOWN, PENDING].includes(bad.status), bad.status)
      if (other.jobs) {
        const { metas } = await other.jobs.list({ limit: 10 })
        assert.deepEqual(metas.map(({ task_id }) => task_id).sort(), ['after', 'bad', 'before'])
        assert.ok(metas.find(({ task_id }) => task_id === 'bad')?.problem instanceof DecodeError)
        assert.equal((await other.jobs.list({ limit: 10, q: 'before' })).metas.length, 1)
      }
      const [history] = (await other.events?.read([{ id: 'bad', after: 0 }])) ?? []
      if (other.events) assert.ok(history?.meta.problem instanceof DecodeError)
    })
  }

  it('unreadable: subscribers are notified, and what is stored after it is read again', async (place) => {
    const { backend, other, spoil } = place
    if (!spoil) return
    await three(place, bytes('{"status": "STARTED", "resu'))
    const watch = other.watch(['bad'], new AbortController().signal)[Symbol.asyncIterator]()
    const first = await within('the record as it is', watch.next())
    assert.ok(first.value?.problem instanceof DecodeError)
    assert.equal(await backend.store(metaOf('bad', SUCCESS, { result: 5 })), true)
    const second = await within('the record as it is now', watch.next())
    assert.deepEqual([second.value?.status, second.value?.result, second.value?.problem], [SUCCESS, 5, undefined])
    assert.equal((await within('the end of the watch', watch.next())).done, true)
  })

  it('unreadable: fields of another type are left out, where the rest can be read', async (place) => {
    const { other, spoil } = place
    if (!spoil) return
    const odd = { name: 5, queue: ['q'], worker: 1, retries: 'three', date_done: 3, date_started: {}, children: 'none' }
    // rpc: waits for a problem, which this is not.
    if (!other.jobs) return
    await three(place, bytes(JSON.stringify({ status: 'FAILURE', task_id: 'bad', result: 'no', ...odd })))
    const [bad] = await other.load(['bad'])
    assert.deepEqual([bad?.problem, bad?.queue, bad?.retries, bad?.date_done], [undefined, undefined, undefined, null])
    assert.deepEqual(bad?.children, [])
  })
}
