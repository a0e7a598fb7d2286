import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { FAILURE, PENDING, PROGRESS, RETRY, REVOKED, STARTED, SUCCESS } from '../../protocol/states.ts'
import { EncodeError, UnknownJobError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { type Case, casesOn, type OpenedBackend, type Place } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'
import { type Kit, pause, stays, until, within } from '../kit.ts'
import { spoiling } from './backendSpoiled.ts'
import { keepingSuite } from './bounds/keepingSuite.ts'

/** What every result backend must do: each case is a sentence of the contract in `backend/backend.ts`. */
export function backendSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  const one = casesOn(kit, open)
  kit.describe(`backend ${name}`, () => {
    states(one)
    values(one)
    loading(one)
    watching(one)
    watchingMany(one)
    forgetting(one)
    forgettingWatched(one)
    spoiling(one)
  })
  keepingSuite(kit, name, open)
}

async function stateOf({ backend }: Place, id: string): Promise<string | undefined> {
  return (await backend.load([id]))[0]?.status
}

function states(it: Case): void {
  it('store: true when it was saved', async (place) => {
    for (const status of [PENDING, STARTED, PROGRESS, 'STEP 1', RETRY, STARTED, SUCCESS]) {
      assert.equal(await place.backend.store(metaOf('1', status)), true, status)
      assert.equal(await stateOf(place, '1'), status)
    }
  })

  for (const final of [SUCCESS, FAILURE, REVOKED]) {
    it(`store: a final state stays: ${final}`, async (place) => {
      const { backend, other } = place
      assert.equal(await backend.store(metaOf('1', final, { result: 'first' })), true)
      for (const status of [PENDING, STARTED, RETRY, SUCCESS, FAILURE, REVOKED]) {
        assert.equal(await other.store(metaOf('1', status, { result: 'second' })), false, status)
      }
      assert.deepEqual((await backend.load(['1']))[0]?.result, 'first')
    })
  }

  it('store: PENDING is saved only where nothing is known', async (place) => {
    assert.equal(await place.backend.store(metaOf('1', STARTED)), true)
    assert.equal(await place.backend.store(metaOf('1', PENDING)), false)
    assert.equal(await stateOf(place, '1'), STARTED)
    assert.equal(await place.backend.store(metaOf('2', PENDING)), true)
    assert.equal(await place.backend.store(metaOf('2', PENDING)), false)
    assert.equal(await stateOf(place, '2'), PENDING)
  })

  it('store: of many that are the last, one is', async ({ backend, other }) => {
    const saved = await Promise.all(
      Array.from({ length: 20 }, (_, at) => (at % 2 ? backend : other).store(metaOf('1', SUCCESS, { result: at }))),
    )
    assert.equal(saved.filter(Boolean).length, 1)
    assert.equal((await backend.load(['1']))[0]?.result, saved.indexOf(true))
  })

  it('store: what cannot be carried is refused by its path, and takes nothing else along', async (place) => {
    const { backend } = place
    const stored = [backend.store(metaOf('1', STARTED)), backend.store(metaOf('3', SUCCESS))]
    const refused = backend.store(metaOf('2', SUCCESS, { result: { socket: () => 1 } }))
    await assert.rejects(refused, (error) => error instanceof EncodeError && /socket/.test(error.message))
    assert.deepEqual(await Promise.all(stored), [true, true])
    assert.deepEqual([await stateOf(place, '2'), await stateOf(place, '3')], [undefined, SUCCESS])
  })
}

function values(it: Case): void {
  it('carries bytes, dates, big integers and deep data faithfully', async ({ backend, other }) => {
    const result = {
      bytes: Uint8Array.from({ length: 256 }, (_, at) => at),
      date: new Date('2026-11-01T12:34:56.789Z'),
      big: 2n ** 60n + 1n,
      text: '\u{1f331} \u0000 "quoted"',
      list: [null, true, -0.5, [], {}, { none: null }],
    }
    await backend.store(metaOf('1', SUCCESS, { result }))
    assert.deepEqual((await other.load(['1']))[0]?.result, result)
  })

  it('keeps every field', async ({ backend, other }) => {
    const meta = metaOf('1', FAILURE, {
      result: { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' },
      traceback: 'ValueError: no\n  at task',
      children: [['child', null]],
      name: 'suite.task',
      queue: 'celery',
      worker: 'celery@host',
      retries: 3,
      parent_id: 'parent',
      group_id: null,
      date_submitted: '2026-11-01T12:00:00.123Z',
      date_started: '2026-11-01T12:00:01.456Z',
    })
    await backend.store(meta)
    assert.deepEqual((await other.load(['1']))[0], meta)
  })

  it('a result of megabytes', async ({ backend, other }) => {
    const result = 'x'.repeat(5 * 2 ** 20)
    await backend.store(metaOf('1', SUCCESS, { result }))
    assert.equal((await other.load(['1']))[0]?.result, result)
  })
}

function loading(it: Case): void {
  it('load: in the order asked, undefined where nothing is known', async ({ backend }) => {
    await Promise.all(['a', 'b', 'c'].map((id) => backend.store(metaOf(id, SUCCESS))))
    const metas = await backend.load(['c', 'unknown', 'a', 'c'])
    assert.deepEqual(
      metas.map((meta) => meta?.task_id),
      ['c', undefined, 'a', 'c'],
    )
    assert.deepEqual(await backend.load([]), [])
  })
}

/** All that a watch yields, as it comes. */
class Watched {
  readonly states: string[] = []
  readonly ended: Promise<void>
  readonly #abort = new AbortController()

  constructor(backend: ResultBackend, ids: readonly string[]) {
    this.ended = this.#read(backend.watch(ids, this.#abort.signal))
  }

  abort(): void {
    this.#abort.abort()
  }

  async sees(state: string): Promise<void> {
    await until(`watch yields ${state}`, () => this.states.includes(state))
  }

  async #read(metas: AsyncIterable<TaskMeta>): Promise<void> {
    for await (const meta of metas) this.states.push(`${meta.task_id} ${meta.status}`)
  }
}

function watching(it: Case): void {
  it('watch: what is known now, then each change in order, from every connection; ends with the final one', async (place) => {
    const { backend, other } = place
    await backend.store(metaOf('1', PENDING))
    const watched = new Watched(backend, ['1'])
    await watched.sees('1 PENDING')
    for (const [from, state] of [
      [other, STARTED],
      [backend, 'STEP 1'],
      [other, 'STEP 2'],
    ] as const) {
      await from.store(metaOf('1', state))
      await watched.sees(`1 ${state}`)
    }
    assert.ok(await stays(watched.ended))
    await other.store(metaOf('1', SUCCESS))
    await within('the end', watched.ended)
    assert.deepEqual(watched.states, ['1 PENDING', '1 STARTED', '1 STEP 1', '1 STEP 2', '1 SUCCESS'])
  })

  it('watch: one that is final already is reported, and ends it', async ({ backend }) => {
    await backend.store(metaOf('1', REVOKED))
    const watched = new Watched(backend, ['1'])
    await within('the end', watched.ended)
    assert.deepEqual(watched.states, ['1 REVOKED'])
  })

  it('watch: several, until each is final; unknown ones may come yet', async ({ backend, other }) => {
    await backend.store(metaOf('a', SUCCESS))
    const watched = new Watched(backend, ['a', 'b', 'c', 'b'])
    await watched.sees('a SUCCESS')
    await other.store(metaOf('c', FAILURE))
    await watched.sees('c FAILURE')
    await other.store(metaOf('elsewhere', SUCCESS))
    assert.ok(await stays(watched.ended))
    await other.store(metaOf('b', REVOKED))
    await within('the end', watched.ended)
    assert.deepEqual(watched.states, ['a SUCCESS', 'c FAILURE', 'b REVOKED'])
  })

  it('watch: ends on abort, also one from before; none to watch ends at once', async ({ backend }) => {
    const watched = new Watched(backend, ['1'])
    assert.ok(await stays(watched.ended))
    watched.abort()
    await within('the end', watched.ended)
    for await (const meta of backend.watch(['1'], AbortSignal.abort())) assert.fail(`got ${meta.status}`)
    await within('the end', new Watched(backend, []).ended)
    await backend.store(metaOf('1', STARTED))
    assert.deepEqual(watched.states, [])
  })

  it('watch: leaving it early ends it', async ({ backend }) => {
    await backend.store(metaOf('1', STARTED))
    for await (const meta of backend.watch(['1'], new AbortController().signal)) {
      assert.equal(meta.status, STARTED)
      break
    }
  })
}

function watchingMany(it: Case): void {
  it('watch: no change is missed, whenever it comes', async ({ backend, other }) => {
    const ids = Array.from({ length: 200 }, () => uuid())
    const work = ids.map(async (id, at) => {
      const from = at % 2 ? backend : other
      await from.store(metaOf(id, PENDING))
      // Somewhere between before, at the same time and after the watch begins.
      if (at % 3) await pause(at % 7)
      await from.store(metaOf(id, STARTED))
      await from.store(metaOf(id, SUCCESS))
    })
    const watches = ids.map(async (id, at) => {
      await pause(at % 5)
      const watched = new Watched(backend, [id])
      await within(`the end of ${id}`, watched.ended)
      const order = [PENDING, STARTED, SUCCESS].map((state) => watched.states.indexOf(`${id} ${state}`))
      const seen = order.filter((position) => position >= 0)
      assert.deepEqual(
        seen,
        [...seen].sort((a, b) => a - b),
        'in order',
      )
      assert.equal(watched.states.at(-1), `${id} SUCCESS`)
      assert.equal(watched.states.length, seen.length, 'each once')
    })
    await Promise.all([...work, ...watches])
  })

  it('watch: a thousand at once', async ({ backend, other }) => {
    const ids = Array.from({ length: 1000 }, (_, at) => String(at))
    const all = ids.map((id) => new Watched(backend, [id]))
    const together = new Watched(backend, ids)
    await Promise.all(ids.map((id) => other.store(metaOf(id, SUCCESS))))
    await within('the end of all', Promise.all([...all, together].map((watched) => watched.ended)), 20_000)
    assert.ok(all.every(({ states }, at) => states.length === 1 && states[0] === `${at} SUCCESS`))
    assert.deepEqual(new Set(together.states), new Set(ids.map((id) => `${id} SUCCESS`)))
  })
}

function forgetting(it: Case): void {
  it('forget: drops the records; unknown ids are no error', async (place) => {
    const { backend, other } = place
    await Promise.all(['a', 'b'].map((id) => backend.store(metaOf(id, SUCCESS))))
    await other.forget(['a', 'unknown'])
    assert.deepEqual([await stateOf(place, 'a'), await stateOf(place, 'b')], [undefined, SUCCESS])
    assert.equal(await backend.store(metaOf('a', PENDING)), true)
    const watched = new Watched(backend, ['a'])
    await backend.store(metaOf('a', SUCCESS))
    await within('the end', watched.ended)
  })
}

function forgettingWatched(it: Case): void {
  it('forget: subscribers in this process get UnknownJobError', async ({ backend }) => {
    await Promise.all(['a', 'b'].map((id) => backend.store(metaOf(id, STARTED))))
    const first = new Watched(backend, ['a'])
    const second = new Watched(backend, ['b'])
    await Promise.all([first.sees('a STARTED'), second.sees('b STARTED')])
    await Promise.all([assert.rejects(within('the error', first.ended), UnknownJobError), backend.forget(['a'])])
    await backend.store(metaOf('b', SUCCESS))
    await within('the end', second.ended)
  })
}
