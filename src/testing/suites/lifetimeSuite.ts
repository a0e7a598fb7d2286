import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { FAILURE, PENDING, PROGRESS, RETRY, REVOKED, STARTED, SUCCESS, WAITING } from '../../protocol/states.ts'
import { metaOf } from '../factories.ts'
import type { Kit } from '../kit.ts'

/** A backend of an empty store, and how its time passes. */
export interface AgingBackend {
  readonly backend: ResultBackend
  /** Let so much time pass, ms: what has expired by then is gone. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How long every backend keeps what it knows: `expires` of `BackendOptions`, in which it is opened. */
export function lifetimeSuite(kit: Kit, name: string, open: (expires: number) => Promise<AgingBackend>): void {
  const it = (title: string, expires: number, body: (place: AgingBackend) => Promise<void>): void => {
    kit.it(title, async () => {
      const place = await open(expires)
      try {
        await body(place)
      } finally {
        await place.close()
      }
    })
  }
  kit.describe(`lifetime in backend ${name}`, () => {
    ended(it)
    waiting(it)
    marks(it)
  })
}

type Case = (title: string, expires: number, body: (place: AgingBackend) => Promise<void>) => void

async function known({ backend }: AgingBackend, id = '1'): Promise<boolean> {
  return (await backend.load([id]))[0] !== undefined
}

/** A record that waits for a moment. */
function due(status: string, after: number, fields: Partial<TaskMeta> = {}): TaskMeta {
  return metaOf('1', status, { date_due: new Date(Date.now() + after).toISOString(), ...fields })
}

function ended(it: Case): void {
  for (const status of [SUCCESS, FAILURE, REVOKED]) {
    it(`${status} is kept for the result lifetime, and no longer`, HOUR_MS, async (place) => {
      await place.backend.store(metaOf('1', PENDING))
      await place.backend.store(metaOf('1', status))
      await place.pass(HOUR_MS - 60_000)
      assert.equal(await known(place), true)
      await place.pass(3 * 60_000)
      assert.equal(await known(place), false)
    })
  }

  it('a result lifetime of months is kept to its end', 60 * DAY_MS, async (place) => {
    await place.backend.store(metaOf('1', PENDING))
    await place.backend.store(metaOf('1', SUCCESS))
    await place.pass(59 * DAY_MS)
    assert.equal(await known(place), true)
    await place.pass(2 * DAY_MS)
    assert.equal(await known(place), false)
  })

  for (const [what, own, kept, gone] of [
    ['shorter', HOUR_MS, HOUR_MS - 60_000, 2 * HOUR_MS],
    ['longer', 60 * DAY_MS, 59 * DAY_MS, 61 * DAY_MS],
    ['for ever', 0, 400 * DAY_MS, undefined],
  ] as const) {
    it(`a record may name a lifetime of its own: ${what}`, DAY_MS, async (place) => {
      const { backend } = place
      const origin = { owner: 'mara', tags: ['x'] }
      await backend.store(metaOf('1', PENDING, { result_expires: own }), undefined, origin)
      await backend.store(metaOf('1', PROGRESS, { result_expires: own, result: 1 }))
      await backend.store(metaOf('1', SUCCESS, { result_expires: own }))
      await place.pass(kept)
      assert.equal(await known(place), true)
      const { jobs } = backend
      if (jobs) assert.deepEqual((await jobs.list({ owner: 'mara', limit: 9 })).metas.length, 1)
      if (gone === undefined) return
      await place.pass(gone - kept)
      assert.equal(await known(place), false)
    })
  }

  it('a result lifetime of 0 is for ever, whatever the state', 0, async (place) => {
    const states = [PENDING, STARTED, RETRY, SUCCESS, FAILURE, REVOKED]
    for (const status of states) {
      await place.backend.store(metaOf(status, PENDING))
      await place.backend.store(metaOf(status, status))
    }
    await place.pass(400 * DAY_MS)
    for (const status of states) assert.equal(await known(place, status), true, status)
  })
}

function waiting(it: Case): void {
  it('one that never becomes final is kept for a week after its last change', HOUR_MS, async (place) => {
    await place.backend.store(metaOf('1', PENDING))
    await place.backend.store(metaOf('2', PENDING))
    await place.pass(6 * DAY_MS)
    await place.backend.store(metaOf('1', STARTED))
    await place.pass(2 * DAY_MS)
    assert.deepEqual([await known(place), await known(place, '2')], [true, false])
    await place.pass(6 * DAY_MS)
    assert.equal(await known(place), false)
  })

  for (const [status, what] of [
    [PENDING, 'a delayed task'],
    [RETRY, 'a retry with a long delay'],
    [WAITING, 'one that waits for an answer'],
  ] as const) {
    it(`one that is not final lives from its moment on: ${what}`, HOUR_MS, async (place) => {
      const { backend } = place
      const origin = { owner: 'mara', tags: ['x'] }
      if (status !== PENDING) await backend.store(metaOf('1', PENDING), undefined, origin)
      assert.equal(await backend.store(due(status, 30 * DAY_MS), undefined, origin), true)
      await place.pass(36 * DAY_MS)
      assert.equal((await backend.load(['1']))[0]?.status, status)
      // By which an idempotency key holds.
      assert.equal(await backend.store(metaOf('1', PENDING)), false)
      const { jobs } = backend
      if (jobs) assert.equal((await jobs.metadata(['1']))[0]?.owner, 'mara')
      if (jobs) assert.equal((await jobs.list({ owner: 'mara', limit: 9 })).metas.length, 1)
      await place.pass(2 * DAY_MS)
      assert.equal(await known(place), false)
    })
  }

  it('another intermediate state does not shorten an earlier retention; the end does', HOUR_MS, async (place) => {
    const { backend } = place
    await backend.store(metaOf('1', PENDING))
    await backend.store(due(WAITING, 30 * DAY_MS))
    await backend.store(metaOf('1', PROGRESS, { result: 1 }))
    await place.pass(36 * DAY_MS)
    assert.equal((await backend.load(['1']))[0]?.status, PROGRESS)
    await backend.store(metaOf('1', SUCCESS))
    await place.pass(2 * HOUR_MS)
    assert.equal(await known(place), false)
  })
}

function marks(it: Case): void {
  it('that a task is revoked is remembered from its moment on', HOUR_MS, async (place) => {
    const { backend } = place
    await backend.revoked.add(['now'])
    await backend.revoked.add(['later'], Date.now() + 30 * DAY_MS)
    await place.pass(6 * DAY_MS)
    assert.deepEqual([...(await backend.revoked.all())].sort(), ['later', 'now'])
    await place.pass(30 * DAY_MS)
    assert.equal((await backend.revoked.all()).includes('later'), true)
  })
}
