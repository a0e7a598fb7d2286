import assert from 'node:assert/strict'
import type { ChordPart, ChordStore, CompleteChord } from '../../backend/chords.ts'
import type { Submission, UnitOfWork } from '../../backend/unitOfWork.ts'
import { PENDING, SUCCESS } from '../../protocol/states.ts'
import type { OpenStores } from '../../stores/open.ts'
import { envelopeOf, metaOf, toQueue } from '../factories.ts'
import type { Kit } from '../kit.ts'
import { Reader } from '../reader.ts'

/** Stores whose backend keeps chords, empty. */
export type ChordStores = Pick<OpenStores, 'broker' | 'backend' | 'unitOfWork' | 'close'>

/** The contract of `ChordStore`, and of what a unit of work does with chords. */
export function chordSuite(kit: Kit, name: string, open: () => Promise<ChordStores>): void {
  const it: Case = (title, run) =>
    kit.it(title, async () => {
      const lab = new ChordLab(await open())
      try {
        await run(lab)
      } finally {
        await lab.stores.close()
      }
    })
  kit.describe(`chords ${name}`, () => {
    joining(it)
    ending(it)
    completing(it)
    sending(it)
  })
}

type Case = (title: string, run: (lab: ChordLab) => Promise<void>) => void

/** The stores of one test, and the chords that it completes. */
class ChordLab {
  readonly stores: ChordStores
  readonly complete: CompleteChord[] = []

  constructor(stores: ChordStores) {
    this.stores = stores
    this.chords.onComplete((chord) => this.complete.push(chord))
  }

  get unit(): UnitOfWork {
    return this.stores.unitOfWork
  }

  get chords(): ChordStore {
    const { chords } = this.stores.backend
    if (!chords) throw new Error('expected a backend with chords')
    return chords
  }

  /** A chord of one part is opened and completed. */
  async completed(group: string): Promise<void> {
    await this.unit.write({ opens: [{ group, size: 1 }] })
    await this.unit.write({ parts: [part(0, 0, { group })] })
  }

  async results(): Promise<unknown[]> {
    return (await this.chords.parts('g', 0)).parts.map(({ result }) => result)
  }

  /** Ids of the messages that wait, which are returned to their queue. */
  async ids(count: number): Promise<string[]> {
    const consumer = await this.stores.broker.consume([{ name: 'q' }], { prefetch: 100, name: 'celery@suite' })
    const reader = new Reader(consumer)
    const found: string[] = []
    for (let at = 0; at < count; at++) found.push((await reader.next()).envelope.headers.id as string)
    await consumer.close()
    await consumer.release()
    return found.sort()
  }
}

/** The end of a member of `g`. */
function part(index: number, result: unknown = index, more: Partial<ChordPart> = {}): ChordPart {
  return { group: 'g', index, taskId: `t${index}`, state: SUCCESS, result, callback: `c${index}`, ...more }
}

function member(id: string): Submission {
  return { message: { envelope: envelopeOf(id), route: toQueue('q') }, meta: metaOf(id, PENDING) }
}

/** A part that ends a chord. */
function ending(it: Case): void {
  it('is complete with a part that ends it, whichever others are missing', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 3 }] })
    await lab.unit.write({ parts: [part(2)] })
    await lab.unit.write({ parts: [part(0, 'no', { state: 'FAILURE', ends: true })] })
    assert.deepEqual(lab.complete, [{ group: 'g', callback: 'c0' }])
    assert.deepEqual(await lab.chords.complete(Date.now() + 60_000, 10), [{ group: 'g', callback: 'c0' }])
    await lab.unit.write({ parts: [part(1)] })
    assert.deepEqual(await lab.results(), ['no', 2])
    assert.equal(lab.complete.length, 1)
  })
}

/** How parts make a chord complete. */
function joining(it: Case): void {
  it('is complete with its last part, once; the callback is that of this part', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    await lab.unit.write({ parts: [part(1)] })
    assert.deepEqual(await lab.chords.progress('g'), { done: 1, size: 2 })
    assert.deepEqual(lab.complete, [])
    assert.deepEqual(await lab.chords.parts('g', 0), { parts: [] })
    await lab.unit.write({ parts: [part(0)] })
    assert.deepEqual(lab.complete, [{ group: 'g', callback: 'c0' }])
    await lab.unit.write({ parts: [part(0), part(1), part(2)] })
    assert.equal(lab.complete.length, 1)
  })

  it('parts are in the order of the header, those without a place last; they keep state and result', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 4 }] })
    const error = { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' }
    await lab.unit.write({ parts: [part(9, 'last', { index: undefined })] })
    await lab.unit.write({ parts: [part(2, error, { state: 'FAILURE' }), part(1, null, { state: 'REVOKED' })] })
    await lab.unit.write({ parts: [part(0, { a: [1.5, null, 'ü'], b: {} })] })
    assert.deepEqual((await lab.chords.parts('g', 0)).parts, [
      { group: 'g', index: 0, taskId: 't0', state: SUCCESS, result: { a: [1.5, null, 'ü'], b: {} } },
      { group: 'g', index: 1, taskId: 't1', state: 'REVOKED', result: null },
      { group: 'g', index: 2, taskId: 't2', state: 'FAILURE', result: error },
      { group: 'g', index: undefined, taskId: 't9', state: SUCCESS, result: 'last' },
    ])
  })

  it('a second part of a task replaces the first, and counts nothing', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(0, 'first')] })
    await lab.unit.write({ parts: [part(0, 'second')] })
    assert.deepEqual(await lab.chords.progress('g'), { done: 1, size: 2 })
    await lab.unit.write({ parts: [part(1, 'other')] })
    assert.deepEqual(await lab.results(), ['second', 'other'])
  })

  it('two parts in one write', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(1), part(0)] })
    assert.equal(lab.complete.length, 1)
    assert.deepEqual(await lab.results(), [0, 1])
  })

  it('grows by one for each task, until it is complete', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    assert.deepEqual([await lab.chords.grow('g', 'more'), await lab.chords.grow('g', 'more')], [true, true])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ parts: [part(1, 'more', { taskId: 'more' })] })
    assert.equal(lab.complete.length, 1)
    assert.deepEqual(await lab.results(), [0, 'more'])
    assert.deepEqual([await lab.chords.grow('g', 'late'), await lab.chords.grow('unknown', 'x')], [false, false])
  })
}

/** What becomes of a complete chord. */
function completing(it: Case): void {
  it('closed with its body: message, record and the end of the chord; a second one writes nothing', async (lab) => {
    await lab.completed('g')
    const { message, meta } = member('body')
    const body = { publish: message ? [message] : [], also: meta ? [meta] : [], closes: 'g' }
    assert.equal(await lab.unit.write(body), true)
    assert.equal(await lab.unit.write(body), false)
    assert.deepEqual(await lab.ids(1), ['body'])
    assert.equal(await lab.stores.broker.size('q'), 1)
    assert.equal((await lab.stores.backend.load(['body']))[0]?.status, PENDING)
    assert.equal(await lab.chords.progress('g'), undefined)
    assert.deepEqual(await lab.chords.parts('g', 0), { parts: [] })
    await lab.unit.write({ parts: [part(0)] })
    assert.equal(lab.complete.length, 1)
  })

  it('of those that nothing closes, `complete` knows the oldest first, since when they are complete', async (lab) => {
    const before = Date.now()
    for (const group of ['one', 'two']) {
      await lab.completed(group)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.deepEqual(await lab.chords.complete(before, 10), [])
    const all = await lab.chords.complete(Date.now() + 1000, 10)
    assert.deepEqual(all, [
      { group: 'one', callback: 'c0' },
      { group: 'two', callback: 'c0' },
    ])
    assert.deepEqual(await lab.chords.complete(Date.now() + 1000, 1), all.slice(0, 1))
    await lab.unit.write({ closes: 'one' })
    assert.deepEqual(await lab.chords.complete(Date.now() + 1000, 10), all.slice(1))
  })

  it('each goes to one of the listeners, and to none that has left', async (lab) => {
    const [other, gone]: CompleteChord[][] = [[], []]
    const leave = lab.chords.onComplete((chord) => gone?.push(chord))
    lab.chords.onComplete((chord) => other?.push(chord))
    leave()
    for (const group of ['a', 'b', 'c', 'd']) await lab.completed(group)
    assert.deepEqual([...lab.complete, ...(other ?? [])].map(({ group }) => group).sort(), ['a', 'b', 'c', 'd'])
    assert.deepEqual(gone, [])
    assert.equal(other?.length, 2)
  })

  it('grows by one for each task, until it is complete', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    assert.deepEqual([await lab.chords.grow('g', 'more'), await lab.chords.grow('g', 'more')], [true, true])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ parts: [part(1, 'more', { taskId: 'more' })] })
    assert.equal(lab.complete.length, 1)
    assert.deepEqual(await lab.results(), [0, 'more'])
    assert.deepEqual([await lab.chords.grow('g', 'late'), await lab.chords.grow('unknown', 'x')], [false, false])
  })
}

/** How headers are sent, and how members end. */
function sending(it: Case): void {
  it('is read in slices', async (lab) => {
    const count = 2500
    await lab.unit.write({ opens: [{ group: 'g', size: count }] })
    await lab.unit.write({ parts: Array.from({ length: count }, (_, at) => part(at)) })
    const found: unknown[] = []
    let slices = 0
    for (let from: number | undefined = 0; from !== undefined; slices++) {
      const slice = await lab.chords.parts('g', from)
      found.push(...slice.parts.map(({ result }) => result))
      from = slice.next
    }
    assert.deepEqual(
      found,
      Array.from({ length: count }, (_, at) => at),
    )
    assert.ok(slices > 2)
  })

  it('the members of a header are sent with it', async (lab) => {
    await lab.unit.submitGroup?.([member('t0'), member('t1')], [{ group: 'g', size: 2 }])
    assert.deepEqual(await lab.ids(2), ['t0', 't1'])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    assert.deepEqual(
      (await lab.stores.backend.load(['t0', 't1'])).map((meta) => meta?.status),
      [PENDING, PENDING],
    )
  })

  it('a settlement gives a part with the record; one of a delivery that is lost gives none', async (lab) => {
    await lab.unit.submitGroup?.([member('t0')], [{ group: 'g', size: 2 }])
    const consumer = await lab.stores.broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@suite' })
    const delivery = await new Reader(consumer).next()
    assert.equal(await lab.unit.settle({ delivery, meta: metaOf('t0', SUCCESS), parts: [part(0)], end: 'ack' }), true)
    assert.deepEqual(await lab.chords.progress('g'), { done: 1, size: 2 })
    assert.equal((await lab.stores.backend.load(['t0']))[0]?.status, SUCCESS)
  })

  it('what may be opened twice keeps its parts', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(1)] })
    assert.equal(lab.complete.length, 1)
  })
}
