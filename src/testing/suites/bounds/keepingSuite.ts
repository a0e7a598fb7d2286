import assert from 'node:assert/strict'
import { Keeping } from '../../../backend/bounds/keeping.ts'
import { writeEmission } from '../../../protocol/emission.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { FAILURE, PENDING, RETRY, STARTED, SUCCESS } from '../../../protocol/states.ts'
import { type Case, casesOn, type OpenedBackend, type Place } from '../../backendFixture.ts'
import { metaOf } from '../../factories.ts'
import type { Kit } from '../../kit.ts'

/** How a backend that counts what it keeps is kept within bounds; one that cannot has no `rows`. */
export function keepingSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  const one = casesOn(kit, open)
  kit.describe(`bounds of what is kept in ${name}`, () => {
    records(one)
    drops(one)
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

function drops(it: Case): void {
  it('where nothing expires, those that were submitted first are dropped; before them what expires', async (place) => {
    if (!place.backend.rows) return
    const { backend } = place
    const ids = ['1', '2', '3', '4']
    const fields = (id: string): Partial<TaskMeta> => ({
      date_submitted: `2026-11-0${id}T12:00:00.000Z`,
      result_expires: id === '3' ? 7 * 86_400_000 : 0,
    })
    for (const id of ids) await backend.store(metaOf(id, PENDING, fields(id)))
    for (const id of ids.toReversed()) await backend.store(metaOf(id, SUCCESS, fields(id)))
    const keeping = await keepingOf(place)
    for (const left of [['1', '2', '4'], ['2', '4'], ['4']]) {
      await keeping.trim({ results: left.length })
      assert.deepEqual(
        (await backend.load(ids)).flatMap((meta) => meta?.task_id ?? []),
        left,
      )
    }
  })

  it('with a record goes the metadata of its job', async (place) => {
    const { backend } = place
    if (!backend.rows || !backend.jobs) return
    for (const [at, id] of ['1', '2'].entries()) {
      await backend.store(metaOf(id, PENDING), undefined, { owner: 'anna', tags: ['x'], input: '[]' })
      await backend.store(metaOf(id, SUCCESS, { result_expires: 1_000_000 * (at + 1) }))
    }
    await (await keepingOf(place)).trim({ results: 1 })
    const { metas } = await backend.jobs.list({ limit: 10, owner: 'anna' })
    assert.deepEqual(
      metas.map(({ task_id }) => task_id),
      ['2'],
    )
    const said = await backend.jobs.metadata(['1', '2'])
    assert.deepEqual(
      said.map((metadata) => metadata?.owner),
      [undefined, 'anna'],
    )
  })

  it('a job that was opened again after it was read stays', async (place) => {
    const { backend } = place
    const letters = await backend.deadLetters?.()
    const rows = await backend.rows?.()
    if (!rows || !letters) return
    for (const id of ['1', '2'])
      await backend.store(metaOf(id, FAILURE, { result: { exc_type: 'E', exc_message: [] } }))
    const read = await rows.ended('', 100, { until: Number.MAX_SAFE_INTEGER, oneOf: 1, events: true })
    assert.equal(read.rows.length, 2)
    await letters.reopen([metaOf('2', RETRY)])
    await rows.dropLogs(read.rows)
    await rows.drop(read.rows)
    assert.deepEqual(
      (await backend.load(['1', '2'])).map((meta) => meta?.status),
      [undefined, RETRY],
    )
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
