import assert from 'node:assert/strict'
import {
  type EntryChange,
  MAX_CLOCK_SKEW_MS,
  type ScheduleStore,
  type StoredEntry,
} from '../../stores/scheduleStore.ts'
import { type Kit, pause, until } from '../kit.ts'

/** An empty schedule store, and how to leave it. */
export interface OpenedScheduleStore {
  readonly store: ScheduleStore
  /** Another connection to the same schedule, where it is shared. The suite closes it. */
  readonly second?: (() => Promise<{ readonly store: ScheduleStore; close(): Promise<void> }>) | undefined
  /** Close it and remove it. */
  close(): Promise<void>
}

interface Place {
  readonly store: ScheduleStore
  /** A second connection where the schedule is shared, else the same. */
  readonly other: ScheduleStore
}

type Case = (name: string, body: (place: Place) => Promise<void>) => void

/** What every schedule store must do: each case is a sentence of the contract in `stores/scheduleStore.ts`. */
export function schedulerSuite(kit: Kit, name: string, open: () => Promise<OpenedScheduleStore>): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const { store, second, close } = await open()
      const other = await second?.()
      try {
        await body({ store, other: other?.store ?? store })
      } finally {
        await other?.close()
        await close()
      }
    })
  }
  kit.describe(`schedule store ${name}`, () => {
    changing(one)
    racing(one)
    dueness(one)
    claiming(one)
    telling(one)
  })
}

/** A new entry; `due` and `waiting` as given. */
function add(name: string, due?: number, waiting = false): EntryChange {
  return { name, from: undefined, to: { text: `text of ${name}`, due, waiting } }
}

async function only(store: ScheduleStore, name: string): Promise<StoredEntry> {
  const [found] = await store.load([name])
  assert.ok(found, name)
  return found
}

function namesOf(entries: readonly StoredEntry[]): string {
  return entries.map(({ name }) => name).join(' ')
}

function changing(it: Case): void {
  it('swap: adds, changes and removes; true for what took effect', async ({ store, other }) => {
    assert.deepEqual(await store.list(), [])
    assert.deepEqual(await store.swap([add('b'), add('a'), add('ü "quoted" \u{1f331}')]), [true, true, true])
    assert.equal(namesOf(await other.list()), 'a b ü "quoted" \u{1f331}')
    const { token, text } = await only(other, 'a')
    assert.equal(text, 'text of a')
    const to = { text: '{"new":\n 1}', due: undefined, waiting: false }
    assert.deepEqual(await other.swap([{ name: 'a', from: token, to }]), [true])
    assert.equal((await only(store, 'a')).text, to.text)
    const { token: newest } = await only(store, 'a')
    assert.deepEqual(await store.swap([{ name: 'a', from: newest, to: undefined }]), [true])
    assert.deepEqual(await other.load(['a']), [undefined])
    assert.deepEqual(await store.swap([]), [])
  })

  it('swap: false where it is not what it was read as, and the others take effect', async ({ store, other }) => {
    await store.swap([add('a'), add('b')])
    const old = await only(store, 'a')
    const to = { text: 'changed', due: 5, waiting: true }
    await other.swap([{ name: 'a', from: old.token, to }])
    const done = await store.swap([
      { name: 'a', from: old.token, to: { ...to, text: 'too late' } },
      { name: 'a', from: old.token, to: undefined },
      add('a'),
      { name: 'none', from: old.token, to },
      { name: 'none', from: old.token, to: undefined },
      { name: 'none', from: undefined, to: undefined },
      add('c'),
    ])
    assert.deepEqual(done, [false, false, false, false, false, false, true])
    assert.equal((await only(store, 'a')).text, 'changed')
    assert.equal(namesOf(await store.list()), 'a b c')
  })

  it('swap: a token is never the same again, also of one that was removed in between', async ({ store }) => {
    const tokens = new Set<string>()
    for (let round = 0; round < 5; round++) {
      await store.swap([add('a')])
      const { token } = await only(store, 'a')
      tokens.add(token)
      await store.swap([{ name: 'a', from: token, to: undefined }])
    }
    assert.equal(tokens.size, 5)
  })

  it('load: in the order asked, undefined where there is none', async ({ store }) => {
    await store.swap([add('a'), add('b')])
    const found = await store.load(['b', 'none', 'a', 'b'])
    assert.deepEqual(
      found.map((one) => one?.name),
      ['b', undefined, 'a', 'b'],
    )
    assert.deepEqual(await store.load([]), [])
  })
}

function racing(it: Case): void {
  it('swap: of many at the same time one takes effect, with its runs alone', async ({ store, other }) => {
    await store.swap([add('a', 1)])
    for (let round = 0; round < 10; round++) {
      const { token } = await only(store, 'a')
      const attempts = Array.from({ length: 10 }, (_, at) => {
        const runs = [{ id: `${round}.${at}`, text: 'run', until: 1 }]
        const to = { text: String(at), due: 1, waiting: false }
        return (at % 2 ? store : other).swap([{ name: 'a', from: token, to, runs }], { quiet: true })
      })
      const won = (await Promise.all(attempts)).flat()
      assert.equal(won.filter(Boolean).length, 1)
      assert.equal((await only(store, 'a')).text, String(won.indexOf(true)))
      assert.deepEqual((await store.due(0, 10)).claimed, [`${round}.${won.indexOf(true)}`])
      await other.endRuns([`${round}.${won.indexOf(true)}`, 'unknown'])
    }
  })

  it('swap: thousands at once', async ({ store, other }) => {
    const names = Array.from({ length: 3000 }, (_, at) => `entry ${String(at).padStart(4, '0')}`)
    const done = await store.swap(names.map((name, at) => add(name, at)))
    assert.ok(done.length === 3000 && done.every(Boolean))
    const { entries, next } = await other.due(2499, 2500)
    assert.deepEqual([entries.length, next], [2500, 2500])
    assert.equal((await other.list()).length, 3000)
    const claims = entries.map(({ name, token }) => ({
      ...add(name, 9000),
      from: token,
      runs: [{ id: name, text: 'x', until: 5000 }],
    }))
    assert.ok((await other.swap(claims)).every(Boolean))
    assert.equal((await store.takeRuns(5000, 6000, 5000)).length, 2500)
    await store.endRuns(names)
    assert.deepEqual((await store.due(0, 1)).claimed, [])
  })
}

function dueness(it: Case): void {
  it('due: earliest first, no more than asked for, and when there is more', async ({ store, other }) => {
    assert.deepEqual(await store.due(1e15, 10), { entries: [], waiting: [], claimed: [], next: undefined })
    const now = Date.now()
    await store.swap([add('c', now + 50), add('b', now), add('a', now - 7), add('never'), add('d', now + 20)])
    const first = await other.due(now, 10)
    assert.deepEqual([namesOf(first.entries), first.next], ['a b', now + 20])
    assert.equal(namesOf((await other.due(now + 60, 3)).entries), 'a b d')
    assert.deepEqual((await other.due(now + 60, 10)).next, undefined)
    assert.equal((await other.due(0, 10)).next, now - 7)
  })

  it('due: after a change as the change says', async ({ store }) => {
    await store.swap([add('a', 10), add('b', 20)])
    const { token } = await only(store, 'a')
    await store.swap([{ name: 'a', from: token, to: { text: '', due: undefined, waiting: false } }])
    assert.equal(namesOf((await store.due(100, 10)).entries), 'b')
    const { token: old } = await only(store, 'b')
    await store.swap([{ name: 'b', from: old, to: undefined }])
    assert.deepEqual((await store.due(0, 10)).next, undefined)
  })

  it('due: entries of which a run waits are returned at any due time', async ({ store, other }) => {
    await store.swap([add('a', undefined, true), add('b', 5, true), add('c', 5)])
    const { waiting } = await other.due(0, 10)
    assert.equal(
      waiting
        .map(({ name }) => name)
        .sort()
        .join(' '),
      'a b',
    )
    const { token } = await only(store, 'a')
    await store.swap([{ name: 'a', from: token, to: { text: '', due: undefined, waiting: false } }])
    assert.equal(namesOf((await other.due(0, 10)).waiting), 'b')
  })
}

function claiming(it: Case): void {
  it('takeRuns: what was not sent in time, to one beat at a time', async ({ store, other }) => {
    const runs = ['r1', 'r2', 'r3'].map((id, at) => ({ id, text: `run ${id}`, until: 100 + at }))
    await store.swap([{ ...add('a', 500), runs }])
    assert.deepEqual([...(await other.due(0, 10)).claimed].sort(), ['r1', 'r2', 'r3'])
    assert.equal((await other.due(0, 10)).next, 100)
    assert.deepEqual(await other.takeRuns(99, 200, 10), [])
    const taken = await Promise.all([store.takeRuns(101, 200, 10), other.takeRuns(101, 200, 10)])
    const texts = taken
      .flat()
      .map(({ id, text }) => `${id}: ${text}`)
      .sort()
    assert.deepEqual(texts, ['r1: run r1', 'r2: run r2'])
    assert.equal((await store.due(0, 10)).next, 102)
    assert.equal((await store.takeRuns(1000, 2000, 1)).length, 1)
    await other.endRuns(['r1', 'r2', 'r3'])
    assert.deepEqual(await store.takeRuns(10_000, 20_000, 10), [])
    assert.equal((await store.due(0, 10)).next, 500)
  })

  it('takeRuns: a claim of a clock that was ahead by far holds no longer', async ({ store, other }) => {
    const far = 200 + MAX_CLOCK_SKEW_MS
    const runs = ['late', 'held', 'far'].map((id, at) => ({ id, text: id, until: [50, far, far + 1][at] as number }))
    await store.swap([{ ...add('a', 500), runs }])
    assert.equal((await other.takeRuns(100, 200, 1)).length, 1)
    assert.equal((await other.takeRuns(100, 200, 1)).length, 1)
    assert.deepEqual(await other.takeRuns(100, 200, 1), [])
    assert.deepEqual([...(await other.due(0, 1)).claimed].sort(), ['far', 'held', 'late'])
    assert.deepEqual((await other.takeRuns(far, far + 100, 10)).map(({ id }) => id).sort(), ['far', 'held', 'late'])
  })

  it('endRuns: a run that ended is never taken, and returned with no entry', async ({ store, other }) => {
    await store.swap([{ ...add('a'), runs: [{ id: 'r', text: 'run', until: 1 }] }])
    const { token } = await only(store, 'a')
    await store.swap([{ name: 'a', from: token, to: undefined }])
    const [run] = await other.takeRuns(5, 10, 5)
    assert.deepEqual([run?.id, run?.text], ['r', 'run'])
    await store.endRuns(['r'])
    await store.endRuns([])
    assert.deepEqual((await other.due(0, 1)).claimed, [])
  })
}

function telling(it: Case): void {
  it('untouched: until the first change, and not again when the last entry is removed', async ({ store, other }) => {
    assert.equal(await store.untouched(), true)
    assert.deepEqual(await store.swap([{ name: 'a', from: 'none', to: undefined }]), [false])
    assert.equal(await store.untouched(), true)
    await store.swap([add('a')])
    assert.equal(await other.untouched(), false)
    const { token } = await only(store, 'a')
    await store.swap([{ name: 'a', from: token, to: undefined }])
    assert.equal(await store.untouched(), false)
    assert.equal(await other.untouched(), false)
  })

  it('onChange: notified of changes in any process, not of quiet ones, not after its end', async ({ store, other }) => {
    let told = 0
    const end = await store.onChange(() => told++)
    await other.swap([add('a')])
    await until('the change is notified', () => told > 0)
    await pause(50)
    const before = told
    await other.swap([add('b')], { quiet: true })
    await other.swap([add('a')])
    await pause(100)
    assert.equal(told, before)
    await store.swap([add('c')])
    await until('the own change is notified', () => told > before)
    await end()
    await pause(50)
    const last = told
    await other.swap([add('d')])
    await pause(100)
    assert.equal(told, last)
  })
}
