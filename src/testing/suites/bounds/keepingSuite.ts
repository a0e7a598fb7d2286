import assert from 'node:assert/strict'
import { Keeping } from '../../../backend/bounds/keeping.ts'
import { writeEmission } from '../../../protocol/emission.ts'
import { FAILURE, PENDING, STARTED, SUCCESS } from '../../../protocol/states.ts'
import { type Case, casesOn, type OpenedBackend, type Place } from '../../backendFixture.ts'
import { metaOf } from '../../factories.ts'
import type { Kit } from '../../kit.ts'

/** How a backend that counts what it keeps is kept within bounds; one that cannot has no `rows`. */
export function keepingSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  const one = casesOn(kit, open)
  kit.describe(`bounds of what is kept in ${name}`, () => {
    records(one)
    events(one)
  })
}

function records(it: Case): void {
  it('a cap of records drops those that expire first, and none of a job that has not ended', async (place) => {
    if (!place.backend.rows) return
    const { backend, other } = place
    // Ended in another order than they were submitted in.
    for (const id of ['1', '2', '3', '4', 'open']) await backend.store(metaOf(id, PENDING))
    for (const [id, days] of [
      ['4', 1],
      ['1', 2],
      ['3', 3],
      ['2', 4],
    ] as const)
      await backend.store(metaOf(id, id === '1' ? FAILURE : SUCCESS, { result_expires: days * 86_400_000 }))
    const keeping = await keepingOf(place)
    const before = await keeping.amount(false)
    assert.equal(before.results, 4)
    assert.ok(before.resultBytes > 0)
    const { kept, dropped } = await keeping.trim({ results: 2 })
    assert.deepEqual([kept.results, dropped], [2, { results: 2, logs: 0 }])
    const left = (await other.load(['1', '2', '3', '4', 'open'])).map((meta) => meta?.status)
    assert.deepEqual(left, [undefined, SUCCESS, SUCCESS, undefined, PENDING])
    assert.deepEqual((await keeping.trim({ results: 2 })).dropped, { results: 0, logs: 0 })
  })

  it('a cap of bytes counts the input that is kept', async (place) => {
    if (!place.backend.rows) return
    const { backend } = place
    for (let at = 0; at < 20; at++) {
      const input = 'x'.repeat(1000)
      await backend.store(metaOf(`${at}`, PENDING), undefined, { input })
      await backend.store(metaOf(`${at}`, SUCCESS, { result: 'y'.repeat(100), result_expires: 100_000 + at * 1000 }))
    }
    const keeping = await keepingOf(place)
    const { resultBytes } = await keeping.amount(false)
    const cap = Math.floor(resultBytes / 2)
    const { kept } = await keeping.trim({ resultBytes: cap })
    assert.ok(kept.resultBytes <= cap && kept.resultBytes > cap - resultBytes / 10, `${kept.resultBytes} of ${cap}`)
    assert.equal((await keeping.amount(false)).resultBytes, kept.resultBytes)
    const [first, last] = await backend.load(['0', '19'])
    assert.deepEqual([first, last?.status], [undefined, SUCCESS])
  })

  it('of thousands the right ones are dropped, in parts', async (place) => {
    if (!place.backend.rows) return
    const { backend } = place
    const ids = Array.from({ length: 2500 }, (_, at) => `${at}`)
    await Promise.all(ids.map((id, at) => backend.store(metaOf(id, SUCCESS, { result_expires: 1e8 + at * 1000 }))))
    const { kept, dropped } = await (await keepingOf(place)).trim({ results: 100 })
    assert.deepEqual([kept.results, dropped.results], [100, 2400])
    const left = (await backend.load(ids)).flatMap((meta) => meta?.task_id ?? [])
    assert.deepEqual(left, ids.slice(-100))
  })
}

function events(it: Case): void {
  it('a cap of events drops the logs of jobs that have ended, and keeps their records', async (place) => {
    const { backend } = place
    if (!backend.rows || !backend.events) return
    for (const id of ['1', '2', 'open']) {
      await backend.store(metaOf(id, PENDING))
      await backend.store(metaOf(id, STARTED))
      const emissions = ['a', 'b', 'c'].map((value) => writeEmission({ kind: 'chunk', attempt: 1, value }, 'json'))
      await backend.events.append({ id, run: 'run-1', from: 1, emissions, again: false })
    }
    await backend.store(metaOf('1', SUCCESS, { result_expires: 86_400_000 }))
    await backend.store(metaOf('2', SUCCESS, { result_expires: 2 * 86_400_000 }))
    const keeping = await keepingOf(place)
    const { events, eventBytes } = await keeping.amount(true)
    assert.equal(events, 12)
    assert.ok(eventBytes > 0)
    const { kept, dropped } = await keeping.trim({ events: 10 })
    assert.deepEqual([kept.events, dropped], [9, { results: 0, logs: 1 }])
    const [one, two, open] = await backend.events.read(['1', '2', 'open'].map((id) => ({ id, after: 0 })))
    assert.deepEqual([one?.logged.length, two?.logged.length, open?.logged.length], [1, 4, 4])
    // The numbers stay: the newest entry is kept.
    assert.deepEqual([one?.meta.status, one?.first, one?.last], [SUCCESS, 5, 5])
    const all = await keeping.trim({ events: 0 })
    assert.deepEqual([all.kept.events, all.dropped], [6, { results: 0, logs: 1 }])
    assert.deepEqual((await keeping.trim({ events: 0 })).dropped, { results: 0, logs: 0 })
  })
}

async function keepingOf({ backend }: Place): Promise<Keeping> {
  assert.ok(backend.rows)
  return new Keeping(await backend.rows())
}
