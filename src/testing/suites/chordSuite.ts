import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChordPart, ChordStore, CompleteChord } from '../../backend/chords.ts'
import type { Submission, UnitOfWork } from '../../backend/unitOfWork.ts'
import { PENDING, SUCCESS } from '../../protocol/states.ts'
import type { OpenStores } from '../../stores/open.ts'
import { envelopeOf, metaOf, toQueue } from '../factories.ts'
import { Reader } from '../reader.ts'

/** Stores whose backend keeps chords, empty. */
export type ChordStores = Pick<OpenStores, 'broker' | 'backend' | 'unitOfWork' | 'close'>

/** The contract of `ChordStore`, and of what a unit of work does with chords. */
export function chordSuite(name: string, open: () => Promise<ChordStores>): void {
  describe(`chords ${name}`, () => {
    const lab = new ChordLab(open)
    joining(lab)
    completing(lab)
    sending(lab)
  })
}

/** The stores of one test, and the chords that it completes. */
class ChordLab {
  #stores: ChordStores | undefined
  complete: CompleteChord[] = []

  constructor(open: () => Promise<ChordStores>) {
    beforeEach(async () => {
      this.#stores = await open()
      this.complete = []
      this.chords.onComplete((chord) => this.complete.push(chord))
    })
    afterEach(() => this.#stores?.close())
  }

  get stores(): ChordStores {
    if (!this.#stores) throw new Error('the stores are not open')
    return this.#stores
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

/** How parts make a chord complete. */
function joining(lab: ChordLab): void {
  it('is complete with its last part, once; the callback is that of this part', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    expect(await lab.chords.progress('g')).toEqual({ done: 0, size: 2 })
    await lab.unit.write({ parts: [part(1)] })
    expect(await lab.chords.progress('g')).toEqual({ done: 1, size: 2 })
    expect(lab.complete).toEqual([])
    expect(await lab.chords.parts('g', 0)).toEqual({ parts: [] })
    await lab.unit.write({ parts: [part(0)] })
    expect(lab.complete).toEqual([{ group: 'g', callback: 'c0' }])
    await lab.unit.write({ parts: [part(0), part(1), part(2)] })
    expect(lab.complete).toHaveLength(1)
  })

  it('parts are in the order of the header, those without a place last; they keep state and result', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 4 }] })
    const error = { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' }
    await lab.unit.write({ parts: [part(9, 'last', { index: undefined })] })
    await lab.unit.write({ parts: [part(2, error, { state: 'FAILURE' }), part(1, null, { state: 'REVOKED' })] })
    await lab.unit.write({ parts: [part(0, { a: [1.5, null, 'ü'], b: {} })] })
    expect((await lab.chords.parts('g', 0)).parts).toEqual([
      { group: 'g', index: 0, taskId: 't0', state: SUCCESS, result: { a: [1.5, null, 'ü'], b: {} } },
      { group: 'g', index: 1, taskId: 't1', state: 'REVOKED', result: null },
      { group: 'g', index: 2, taskId: 't2', state: 'FAILURE', result: error },
      { group: 'g', index: undefined, taskId: 't9', state: SUCCESS, result: 'last' },
    ])
  })

  it('a second part of a task replaces the first, and counts nothing', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(0, 'first')] })
    await lab.unit.write({ parts: [part(0, 'second')] })
    expect(await lab.chords.progress('g')).toEqual({ done: 1, size: 2 })
    await lab.unit.write({ parts: [part(1, 'other')] })
    expect(await lab.results()).toEqual(['second', 'other'])
  })

  it('two parts in one write', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(1), part(0)] })
    expect(lab.complete).toHaveLength(1)
    expect(await lab.results()).toEqual([0, 1])
  })

  it('grows by one for each task, until it is complete', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    expect([await lab.chords.grow('g', 'more'), await lab.chords.grow('g', 'more')]).toEqual([true, true])
    expect(await lab.chords.progress('g')).toEqual({ done: 0, size: 2 })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ parts: [part(1, 'more', { taskId: 'more' })] })
    expect(lab.complete).toHaveLength(1)
    expect(await lab.results()).toEqual([0, 'more'])
    expect([await lab.chords.grow('g', 'late'), await lab.chords.grow('unknown', 'x')]).toEqual([false, false])
  })
}

/** What becomes of a complete chord. */
function completing(lab: ChordLab): void {
  it('closed with its body: message, record and the end of the chord; a second one writes nothing', async () => {
    await lab.completed('g')
    const { message, meta } = member('body')
    const body = { publish: message ? [message] : [], also: meta ? [meta] : [], closes: 'g' }
    expect(await lab.unit.write(body)).toBe(true)
    expect(await lab.unit.write(body)).toBe(false)
    expect(await lab.ids(1)).toEqual(['body'])
    expect(await lab.stores.broker.size('q')).toBe(1)
    expect((await lab.stores.backend.load(['body']))[0]).toMatchObject({ status: PENDING })
    expect(await lab.chords.progress('g')).toBeUndefined()
    expect(await lab.chords.parts('g', 0)).toEqual({ parts: [] })
    await lab.unit.write({ parts: [part(0)] })
    expect(lab.complete).toHaveLength(1)
  })

  it('of those that nothing closes, `complete` knows the oldest first, since when they are complete', async () => {
    const before = Date.now()
    for (const group of ['one', 'two']) {
      await lab.completed(group)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await lab.chords.complete(before, 10)).toEqual([])
    const all = await lab.chords.complete(Date.now() + 1000, 10)
    expect(all).toEqual([
      { group: 'one', callback: 'c0' },
      { group: 'two', callback: 'c0' },
    ])
    expect(await lab.chords.complete(Date.now() + 1000, 1)).toEqual(all.slice(0, 1))
    await lab.unit.write({ closes: 'one' })
    expect(await lab.chords.complete(Date.now() + 1000, 10)).toEqual(all.slice(1))
  })

  it('each goes to one of the listeners, and to none that has left', async () => {
    const [other, gone]: CompleteChord[][] = [[], []]
    const leave = lab.chords.onComplete((chord) => gone?.push(chord))
    lab.chords.onComplete((chord) => other?.push(chord))
    leave()
    for (const group of ['a', 'b', 'c', 'd']) await lab.completed(group)
    expect([...lab.complete, ...(other ?? [])].map(({ group }) => group).sort()).toEqual(['a', 'b', 'c', 'd'])
    expect(gone).toEqual([])
    expect(other).toHaveLength(2)
  })

  it('grows by one for each task, until it is complete', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    expect([await lab.chords.grow('g', 'more'), await lab.chords.grow('g', 'more')]).toEqual([true, true])
    expect(await lab.chords.progress('g')).toEqual({ done: 0, size: 2 })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ parts: [part(1, 'more', { taskId: 'more' })] })
    expect(lab.complete).toHaveLength(1)
    expect(await lab.results()).toEqual([0, 'more'])
    expect([await lab.chords.grow('g', 'late'), await lab.chords.grow('unknown', 'x')]).toEqual([false, false])
  })
}

/** How headers are sent, and how members end. */
function sending(lab: ChordLab): void {
  it('is read in slices', async () => {
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
    expect(found).toEqual(Array.from({ length: count }, (_, at) => at))
    expect(slices).toBeGreaterThan(2)
  })

  it('the members of a header are sent with it', async () => {
    await lab.unit.submitGroup?.([member('t0'), member('t1')], [{ group: 'g', size: 2 }])
    expect(await lab.ids(2)).toEqual(['t0', 't1'])
    expect(await lab.chords.progress('g')).toEqual({ done: 0, size: 2 })
    expect((await lab.stores.backend.load(['t0', 't1'])).map((meta) => meta?.status)).toEqual([PENDING, PENDING])
  })

  it('a settlement gives a part with the record; one of a delivery that is lost gives none', async () => {
    await lab.unit.submitGroup?.([member('t0')], [{ group: 'g', size: 2 }])
    const consumer = await lab.stores.broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@suite' })
    const delivery = await new Reader(consumer).next()
    expect(await lab.unit.settle({ delivery, meta: metaOf('t0', SUCCESS), parts: [part(0)], end: 'ack' })).toBe(true)
    expect(await lab.chords.progress('g')).toEqual({ done: 1, size: 2 })
    expect((await lab.stores.backend.load(['t0']))[0]).toMatchObject({ status: SUCCESS })
  })

  it('what may be opened twice keeps its parts', async () => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(0)] })
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(1)] })
    expect(lab.complete).toHaveLength(1)
  })
}
