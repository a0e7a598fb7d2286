import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import { type Change, changesAfter, type History, isBroken, seqOf } from '../../backend/eventLog.ts'
import { EventFeed, type Step } from '../../calls/eventFeed.ts'
import { type Emission, writeEmission } from '../../protocol/emission.ts'
import { FAILURE, PENDING, PROGRESS, RETRY, REVOKED, STARTED, SUCCESS } from '../../protocol/states.ts'
import { UnknownJobError } from '../../std/errors.ts'
import { type Case, casesOn, type OpenedBackend, type Place } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'
import { type Kit, until, within } from '../kit.ts'

/** How many states the backend of this suite must be opened to keep (`eventLog`). */
export const SUITE_EVENT_LOG = 100

/**
 * What a backend that logs the states of tasks must do: `history` of `backend/backend.ts`, and what `EventFeed` makes
 * of it.
 */
export function eventLogSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  const one = casesOn(kit, open)
  kit.describe(`history of backend ${name}`, () => {
    numbering(one)
    keeping(one)
    following(one)
    followingMany(one)
    emitting(one)
    emittingElsewhere(one)
    emittingMuch(one)
  })
}

async function historyOf(backend: ResultBackend, id: string, after = 0): Promise<History | undefined> {
  assert.ok(backend.events, 'the backend has an event log')
  return (await backend.events.read([{ id, after }]))[0]
}

/** `3 PROGRESS 7` for the third state, PROGRESS with 7; `4 chunk x of 2` for what the second attempt emitted. */
function shown({ seq, meta, emission }: Change): string {
  if (emission) return `${seq} ${emission.kind} ${String(emission.value)} of ${emission.attempt}`
  const value = meta.status === PROGRESS || meta.status === SUCCESS ? ` ${String(meta.result)}` : ''
  return `${seq} ${meta.status}${value}`
}

async function changes(backend: ResultBackend, id: string, after = 0): Promise<string[]> {
  const history = await historyOf(backend, id, after)
  assert.ok(history)
  return changesAfter(history, after).map(shown)
}

const LIFE = [
  '1 PENDING',
  '2 STARTED',
  '3 PROGRESS 1',
  '4 PROGRESS 1',
  '5 RETRY',
  '6 STARTED',
  '7 STEP 1',
  '8 SUCCESS 42',
]

async function live({ backend, other }: Place, id: string): Promise<void> {
  const states: [string, unknown][] = [
    [PENDING, null],
    [STARTED, null],
    [PROGRESS, 1],
    [PROGRESS, 1],
    [RETRY, null],
    [STARTED, null],
    ['STEP 1', null],
    [SUCCESS, 42],
  ]
  for (const [at, [status, result]] of states.entries())
    await (at % 2 ? other : backend).store(metaOf(id, status, { result }))
}

function numbering(it: Case): void {
  it('numbers each state from 1, from any writer, equal ones too', async (place) => {
    await live(place, '1')
    assert.deepEqual(await changes(place.backend, '1'), LIFE)
    assert.deepEqual(await changes(place.other, '1'), LIFE)
    assert.deepEqual(await changes(place.other, '1', 4), LIFE.slice(4))
    assert.deepEqual(await changes(place.other, '1', 7), LIFE.slice(7))
    assert.deepEqual(await changes(place.other, '1', 8), [])
  })

  it('returns the record and its number as they are now', async ({ backend, other }) => {
    assert.equal(await historyOf(backend, '1'), undefined)
    for (const [at, status] of [PENDING, STARTED, PROGRESS, FAILURE].entries()) {
      await other.store(metaOf('1', status))
      const history = await historyOf(backend, '1', Number.MAX_SAFE_INTEGER)
      assert.ok(history)
      assert.deepEqual([history.meta.status, seqOf(history), history.logged], [status, at + 1, []])
    }
  })

  it('what is not saved is not logged', async ({ backend }) => {
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', REVOKED))
    await backend.store(metaOf('1', STARTED))
    await backend.store(metaOf('1', SUCCESS))
    assert.deepEqual(await changes(backend, '1'), ['1 PENDING', '2 REVOKED'])
  })

  it('many at once, in the order asked', async ({ backend }) => {
    await backend.store(metaOf('a', STARTED))
    await backend.store(metaOf('b', PENDING))
    const found = await backend.events?.read(['b', 'unknown', 'a'].map((id) => ({ id, after: 0 })))
    assert.deepEqual(
      found?.map((history) => history && changesAfter(history, 0).map(shown).join(', ')),
      ['1 PENDING', undefined, '1 PENDING, 2 STARTED'],
    )
  })
}

function keeping(it: Case): void {
  it('keeps the newest states, and numbers on', async ({ backend }) => {
    await backend.store(metaOf('1', PENDING))
    const count = SUITE_EVENT_LOG * 3
    for (let at = 1; at <= count; at++) await backend.store(metaOf('1', PROGRESS, { result: at }))
    const history = await historyOf(backend, '1')
    assert.ok(history)
    assert.equal(seqOf(history), count + 1)
    assert.ok(history.logged.length >= SUITE_EVENT_LOG && history.logged.length < SUITE_EVENT_LOG * 2, 'about as many')
    assert.equal(history.logged[0]?.seq, history.first)
    assert.deepEqual([isBroken(history, 0), isBroken(history, history.first - 1)], [true, false])
    assert.deepEqual(
      history.logged.map(({ seq, meta }) => seq - 1 - Number(meta.result)),
      history.logged.map(() => 0),
    )
  })

  it('keeps fewer of long ones', async ({ backend }) => {
    await backend.store(metaOf('1', PENDING))
    const result = 'x'.repeat(50_000)
    for (let at = 0; at < 64; at++) await backend.store(metaOf('1', PROGRESS, { result }))
    const history = await historyOf(backend, '1')
    assert.ok(history && history.logged.length < 40, `${history?.logged.length} kept`)
  })

  it('is forgotten with the record', async ({ backend, other }) => {
    await live({ backend, other }, '1')
    await other.forget(['1'])
    assert.equal(await historyOf(backend, '1'), undefined)
    await backend.store(metaOf('1', PENDING))
    assert.deepEqual(await changes(backend, '1'), ['1 PENDING'])
  })
}

/** All that a follower gets, as it comes. */
class Following {
  readonly steps: string[] = []
  readonly ended: Promise<void>
  readonly #abort = new AbortController()

  constructor(feed: EventFeed, id: string, after = 0) {
    this.ended = this.#read(feed.follow(id, after, this.#abort.signal))
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.ended
  }

  async #read(steps: AsyncIterable<Step>): Promise<void> {
    for await (const step of steps) this.steps.push(step === 'gap' ? step : shown(step))
  }
}

function following(it: Case): void {
  it('follow: each state once, in order, to the end, however fast they come', async ({ backend, other }) => {
    const feed = new EventFeed(backend)
    await backend.store(metaOf('1', PENDING))
    const all = new Following(feed, '1')
    const expected = ['1 PENDING']
    for (let at = 2; at <= 50; at++) expected.push(`${at} PROGRESS ${at}`)
    await Promise.all(expected.slice(1).map((_, at) => other.store(metaOf('1', PROGRESS, { result: at + 2 }))))
    const late = new Following(feed, '1', 30)
    await until('the last but one', () => all.steps.length === 50 && late.steps.length === 20)
    await other.store(metaOf('1', SUCCESS, { result: 'end' }))
    await within('the end', Promise.all([all.ended, late.ended]))
    assert.deepEqual(all.steps, [...expected, '51 SUCCESS end'])
    assert.deepEqual(late.steps, [...expected.slice(30), '51 SUCCESS end'])
  })

  it('follow: what was dropped, and a number that was never reached, is reported as a gap', async ({ backend }) => {
    const feed = new EventFeed(backend)
    for (let at = 1; at <= SUITE_EVENT_LOG * 3; at++) await backend.store(metaOf('1', PROGRESS, { result: at }))
    await backend.store(metaOf('1', SUCCESS))
    const old = new Following(feed, '1', 5)
    const all = new Following(feed, '1')
    await within('the end', Promise.all([old.ended, all.ended]))
    assert.equal(old.steps[0], 'gap')
    assert.deepEqual(all.steps.slice(0, 2), ['1 PENDING', 'gap'])
    assert.deepEqual(all.steps.slice(2), old.steps.slice(1))
    await backend.store(metaOf('2', SUCCESS))
    const beyond = new Following(feed, '2', 77)
    await within('the end', beyond.ended)
    assert.deepEqual(beyond.steps, ['gap', '1 PENDING', '2 SUCCESS null'])
  })

  it('follow: from the end nothing but the end of it; an unknown one is an error', async ({ backend }) => {
    const feed = new EventFeed(backend)
    await assert.rejects(new Following(feed, 'unknown').ended, UnknownJobError)
    await backend.store(metaOf('1', STARTED))
    const following = new Following(feed, '1')
    await until('it is followed', () => following.steps.length === 2)
    await backend.forget(['1'])
    await assert.rejects(following.ended, UnknownJobError)
  })

  it('follow: stops at once on abort, and may begin again', async ({ backend, other }) => {
    const feed = new EventFeed(backend)
    await backend.store(metaOf('1', STARTED))
    const first = new Following(feed, '1', 2)
    await first.stop()
    const again = new Following(feed, '1', 2)
    await other.store(metaOf('1', SUCCESS, { result: 1 }))
    await within('the end', again.ended)
    assert.deepEqual([first.steps, again.steps], [[], ['3 SUCCESS 1']])
  })
}

function followingMany(it: Case): void {
  it('follow: a hundred of ten tasks, some of which come and go', async ({ backend, other }) => {
    const feed = new EventFeed(backend)
    const ids = Array.from({ length: 10 }, (_, at) => `t${at}`)
    for (const id of ids) await backend.store(metaOf(id, PENDING))
    const all = ids.flatMap((id) => Array.from({ length: 10 }, () => new Following(feed, id)))
    const work = ids.map(async (id) => {
      for (let at = 2; at <= 90; at++) await other.store(metaOf(id, PROGRESS, { result: at }))
      await other.store(metaOf(id, SUCCESS, { result: 91 }))
    })
    const passing = ids.map(async (id, at) => {
      const one = new Following(feed, id, at)
      await until('something came', () => one.steps.length > 0)
      await one.stop()
    })
    await Promise.all([...work, ...passing])
    await within('the end of all', Promise.all(all.map(({ ended }) => ended)), 20_000)
    const expected = ['1 PENDING', ...Array.from({ length: 89 }, (_, at) => `${at + 2} PROGRESS ${at + 2}`)]
    for (const { steps } of all) assert.deepEqual(steps, [...expected, '91 SUCCESS 91'])
  })
}

function emit(
  backend: ResultBackend,
  id: string,
  values: readonly unknown[],
  { kind = 'chunk', attempt = 1 }: Partial<Emission> = {},
): Promise<boolean> {
  assert.ok(backend.events, 'the backend has an event log')
  const emissions = values.map((value) => writeEmission({ kind, attempt, value }, 'json'))
  return backend.events.append({ id, run: `run-${attempt}`, from: 1, emissions, again: false })
}

function emitting(it: Case): void {
  it('emit: numbered among the states, and the record and its number stay', async ({ backend, other }) => {
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', STARTED))
    assert.equal(await emit(other, '1', ['a', 'b']), true)
    await backend.store(metaOf('1', PROGRESS, { result: 1 }))
    assert.equal(await emit(backend, '1', ['c'], { kind: 'log' }), true)
    const history = await historyOf(other, '1', Number.MAX_SAFE_INTEGER)
    assert.ok(history)
    assert.deepEqual([history.meta.status, seqOf(history), history.last], [PROGRESS, 5, 6])
    await backend.store(metaOf('1', RETRY))
    await emit(other, '1', ['d'], { attempt: 2 })
    await backend.store(metaOf('1', SUCCESS, { result: 42 }))
    const life = ['1 PENDING', '2 STARTED', '3 chunk a of 1', '4 chunk b of 1', '5 PROGRESS 1', '6 log c of 1']
    life.push('7 RETRY', '8 chunk d of 2', '9 SUCCESS 42')
    assert.deepEqual(await changes(backend, '1'), life)
    assert.deepEqual(await changes(other, '1', 3), life.slice(3))
    assert.deepEqual(await changes(other, '1', 9), [])
  })

  it('emit: any value comes back as it was', async ({ backend }) => {
    await backend.store(metaOf('1', STARTED))
    const values = [
      null,
      'line\nbreak \u2028 "x"',
      1.5,
      2n ** 70n,
      { a: [1, { b: 'ü' }] },
      new Date(86_400_000),
      ' 3 4 ',
    ]
    await emit(backend, '1', [...values, new Uint8Array([0, 32, 255])])
    const logged = (await historyOf(backend, '1', 2))?.logged.map(({ emission }) => emission?.value)
    assert.deepEqual(logged?.slice(0, -1), values)
    assert.deepEqual(Buffer.from(logged?.at(-1) as Uint8Array), Buffer.from([0, 32, 255]))
  })
}

function emittingElsewhere(it: Case): void {
  it('emit: false where the task is not known or has ended, and nothing is kept', async ({ backend }) => {
    assert.equal(await emit(backend, 'unknown', ['a']), false)
    assert.equal(await historyOf(backend, 'unknown'), undefined)
    for (const end of [SUCCESS, FAILURE, REVOKED]) {
      await backend.store(metaOf(end, STARTED))
      await backend.store(metaOf(end, end))
      assert.equal(await emit(backend, end, ['late']), false)
      assert.equal((await changes(backend, end)).length, 3)
    }
  })

  it('emit: a watch gets the record again', async ({ backend, other }) => {
    await backend.store(metaOf('1', STARTED))
    const stop = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const { status } of other.watch(['1'], stop.signal)) seen.push(status)
    })()
    await until('it is watched', () => seen.length === 1)
    await emit(backend, '1', ['a'])
    await until('it is notified', () => seen.length === 2)
    stop.abort()
    await within('the end', watching)
    assert.deepEqual(seen, [STARTED, STARTED])
  })
}

function emittingMuch(it: Case): void {
  it('emit: followers get each once, in order, from wherever they come', async ({ backend, other }) => {
    const feed = new EventFeed(backend)
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', STARTED))
    const all = new Following(feed, '1')
    const expected = ['1 PENDING', '2 STARTED']
    for (let at = 0; at < 30; at++) {
      expected.push(
        `${at * 3 + 3} chunk a${at} of 1`,
        `${at * 3 + 4} chunk b${at} of 1`,
        `${at * 3 + 5} PROGRESS ${at}`,
      )
      await emit(other, '1', [`a${at}`, `b${at}`])
      await other.store(metaOf('1', PROGRESS, { result: at }))
    }
    const late = new Following(feed, '1', 33)
    await until('all of them', () => all.steps.length === 92)
    await emit(other, '1', ['last'])
    await until('the last', () => all.steps.length === 93 && late.steps.length === 60)
    await other.store(metaOf('1', SUCCESS, { result: 'end' }))
    await within('the end', Promise.all([all.ended, late.ended]))
    expected.push('93 chunk last of 1', '94 SUCCESS end')
    assert.deepEqual(all.steps, expected)
    assert.deepEqual(late.steps, expected.slice(33))
  })

  it('emit: the newest are kept; a state that they pushed out and which lasts is reported', async ({ backend }) => {
    await backend.store(metaOf('1', STARTED))
    const count = SUITE_EVENT_LOG * 3
    for (let at = 0; at < count; at += 5) await emit(backend, '1', [0, 1, 2, 3, 4])
    const history = await historyOf(backend, '1')
    assert.ok(history)
    assert.deepEqual([seqOf(history), history.last], [2, count + 2])
    assert.ok(history.logged.length >= SUITE_EVENT_LOG && history.logged.length < SUITE_EVENT_LOG * 2, 'about as many')
    const [pending, started, first] = changesAfter(history, 0).map(({ seq, meta }) => [seq, meta.status])
    assert.deepEqual([pending, started, first?.[0]], [[1, PENDING], [2, STARTED], history.first])
    assert.deepEqual([isBroken(history, 2), isBroken(history, history.first - 1)], [true, false])
    await backend.store(metaOf('1', SUCCESS))
    const end = await historyOf(backend, '1', count + 2)
    assert.deepEqual([end && seqOf(end), end?.logged], [count + 3, []])
  })

  it('emit: fewer of long ones', async ({ backend }) => {
    await backend.store(metaOf('1', STARTED))
    for (let at = 0; at < 64; at++) await emit(backend, '1', ['x'.repeat(50_000)])
    const history = await historyOf(backend, '1')
    assert.ok(history && history.logged.length < 40, `${history?.logged.length} kept`)
  })
}
