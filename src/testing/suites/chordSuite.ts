import assert from 'node:assert/strict'
import type { CompleteChord } from '../../backend/chords.ts'
import type { Writing } from '../../backend/unitOfWork.ts'
import { PENDING, SUCCESS } from '../../protocol/states.ts'
import { addedMembers } from '../addedMembers.ts'
import { type ChordCase, type ChordFixture, ChordLab, member, message, part } from '../chordLab.ts'
import { runRandomly } from '../chordModel.ts'
import { metaOf } from '../factories.ts'
import type { Kit } from '../kit.ts'
import { Reader } from '../reader.ts'

/** The contract of `ChordStore`, and of what a unit of work does with chords. */
export function chordSuite(kit: Kit, name: string, open: () => Promise<ChordFixture>): void {
  const it: ChordCase = (title, run) =>
    kit.it(title, async () => {
      const lab = new ChordLab(await open())
      try {
        await run(lab)
      } finally {
        await lab.close()
      }
    })
  kit.describe(`chords ${name}`, () => {
    joining(it)
    ending(it)
    completing(it)
    reading(it)
    sending(it)
    addedMembers(it)
    settling(it)
    living(it)
  })
}

/** How parts make a chord complete. */
function joining(it: ChordCase): void {
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
}

/** A part that ends a chord, and chords that take no parts. */
function ending(it: ChordCase): void {
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

  it('a second part of a task may end it', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 3 }] })
    await lab.unit.write({ parts: [part(1, 'yes')] })
    await lab.unit.write({ parts: [part(1, 'no', { state: 'FAILURE', ends: true })] })
    assert.deepEqual(await lab.chords.progress('g'), { done: 1, size: 3 })
    assert.deepEqual(lab.complete, [{ group: 'g', callback: 'c1' }])
    assert.deepEqual(await lab.results(), ['no'])
  })

  it('a part of a chord that was not opened completes nothing', async (lab) => {
    assert.equal(await lab.unit.write({ parts: [part(0)] }), true)
    assert.equal(await lab.chords.progress('g'), undefined)
    assert.deepEqual(await lab.chords.parts('g', 0), { parts: [] })
    assert.deepEqual(lab.complete, [])
  })

  it('an open chord is dropped when its time has passed; another one may have its id', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 2 }] })
    await lab.unit.write({ parts: [part(0, 'old')] })
    await lab.fixture.expire()
    assert.equal(await lab.chords.progress('g'), undefined)
    await lab.unit.write({ parts: [part(1)] })
    assert.equal(await lab.added('late'), 'ended')
    assert.deepEqual(lab.complete, [])
    assert.equal(await lab.unit.write({ closes: 'g' }), false)
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    await lab.unit.write({ parts: [part(1, 'new')] })
    assert.deepEqual(lab.complete, [{ group: 'g', callback: 'c1' }])
    assert.deepEqual(await lab.results(), ['new'])
  })

  it('of two writers that close it at once, one does', async (lab) => {
    // On separate stores the two are sent under the same id.
    if (!lab.unit.atomic) return
    await lab.completed('g')
    const other = await lab.otherUnit()
    const body = (id: string): Writing => ({ publish: [message(id)], also: [metaOf(id, PENDING)], closes: 'g' })
    const done = await Promise.all([lab.unit.write(body('one')), other.write(body('two'))])
    assert.deepEqual([...done].sort(), [false, true])
    assert.equal(await lab.stores.broker.size('q'), 1)
    const records = await lab.stores.backend.load(['one', 'two'])
    assert.deepEqual(
      records.map((meta) => meta !== undefined),
      done,
    )
  })
}

/** What becomes of a complete chord. */
function completing(it: ChordCase): void {
  it('closed with its body: message, record and the end of the chord; a second one writes nothing', async (lab) => {
    await lab.completed('g')
    const body = { publish: [message('body')], also: [metaOf('body', PENDING)], closes: 'g' }
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
}

/** How the parts of a complete chord are read. */
function reading(it: ChordCase): void {
  it('is read in slices of at most 1000 parts', async (lab) => {
    const count = 2500
    await lab.unit.write({ opens: [{ group: 'g', size: count }] })
    await lab.unit.write({ parts: Array.from({ length: count }, (_, at) => part(at)) })
    const slices = await lab.slices()
    assert.deepEqual(
      slices.flat(),
      Array.from({ length: count }, (_, at) => at),
    )
    assert.ok(slices.length > 2)
  })

  it('is read in slices of about 1 MiB, or of one part', async (lab) => {
    const results = Array.from({ length: 40 }, (_, at) => `${at} ${'x'.repeat(at === 20 ? 1_500_000 : 100_000)}`)
    await lab.unit.write({ opens: [{ group: 'g', size: results.length }] })
    for (const [at, result] of results.entries()) await lab.unit.write({ parts: [part(at, result)] })
    const slices = await lab.slices()
    assert.deepEqual(slices.flat(), results)
    assert.ok(slices.length >= 3, `${slices.length} slices`)
    assert.ok(
      slices.every((some) => some.length <= 11),
      'no slice has much more than 1 MiB',
    )
  })

  it('parts of one place, and those without one, are all read', async (lab) => {
    const count = 1500
    await lab.unit.write({ opens: [{ group: 'g', size: 3 * count }] })
    const same = Array.from({ length: count }, (_, at) => part(7, at, { taskId: `same${at}` }))
    const none = Array.from({ length: count }, (_, at) => part(at, count + at, { index: undefined }))
    const first = Array.from({ length: count }, (_, at) => part(6, 2 * count + at, { taskId: `first${at}` }))
    await lab.unit.write({ parts: [...none, ...same, ...first] })
    const results = (await lab.results()) as number[]
    assert.equal(new Set(results).size, 3 * count)
    const kinds = results.map((result) => Math.floor(result / count))
    assert.deepEqual([...new Set(kinds)], [2, 0, 1])
  })
}

/** How headers are sent. */
function sending(it: ChordCase): void {
  it('the members of a header are sent with it', async (lab) => {
    await lab.unit.submitGroup?.([member('t0'), member('t1')], [{ group: 'g', size: 2 }])
    assert.deepEqual(await lab.ids(2), ['t0', 't1'])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    assert.deepEqual(
      (await lab.stores.backend.load(['t0', 't1'])).map((meta) => meta?.status),
      [PENDING, PENDING],
    )
  })

  it('a large header is sent whole', async (lab) => {
    const ids = Array.from({ length: 2500 }, (_, at) => `t${at}`)
    await lab.unit.submitGroup?.(ids.map(member), [{ group: 'g', size: ids.length }])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: ids.length })
    assert.equal(await lab.stores.broker.size('q'), ids.length)
    assert.deepEqual(await lab.ids(ids.length), [...ids].sort())
    const records = await lab.stores.backend.load(ids)
    assert.ok(records.every((meta) => meta?.status === PENDING))
  })

  for (const [count, at] of [
    [3, 1],
    [2500, 2400],
  ] as const)
    it(`of ${count} members of which one is refused, none is sent`, async (lab) => {
      const members = Array.from({ length: count }, (_, index) => member(`t${index}`))
      members[at] = { message: message('bad'), meta: metaOf('bad', PENDING, { result: () => undefined }) }
      const sending = lab.unit.submitGroup?.(members, [{ group: 'g', size: count }])
      await assert.rejects(Promise.resolve(sending), { name: 'EncodeError' })
      // Separate stores may have sent a part of them.
      if (!lab.unit.atomic) return
      assert.equal(await lab.stores.broker.size('q'), 0)
      assert.equal(await lab.chords.progress('g'), undefined)
      assert.deepEqual(await lab.stores.backend.load(['t0', 'bad']), [undefined, undefined])
    })
}

/** What a settlement writes. */
function settling(it: ChordCase): void {
  for (const count of [2, 1500])
    it(`${count} messages of a settlement are sent with it, or none`, async (lab) => {
      const ids = Array.from({ length: count }, (_, at) => `m${at}`)
      const rest = { publish: ids.map(message), also: ids.map((id) => metaOf(id, PENDING)) }
      const opens = [{ group: 'g', size: count }]
      await lab.unit.submitGroup?.([member('t0')], [])
      const consumer = await lab.stores.broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@suite' })
      const delivery = await new Reader(consumer).next()
      const meta = metaOf('t0', SUCCESS)
      assert.equal(await lab.unit.settle({ delivery, meta, ...rest, opens, end: 'ack' }), true)
      if (lab.unit.atomic) {
        const more = { publish: ids.map((id) => message(`${id}-again`)) }
        assert.equal(await lab.unit.settle({ delivery, ...more, end: 'ack' }), false)
      }
      await consumer.close()
      await consumer.release()
      assert.equal(await lab.stores.broker.size('q'), count)
      assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: count })
      assert.deepEqual(await lab.ids(count), [...ids].sort())
      const records = await lab.stores.backend.load(ids)
      assert.ok(records.every((record) => record?.status === PENDING))
    })

  it('a settlement of a delivery that is lost adds no part', async (lab) => {
    if (!lab.unit.atomic) return
    await lab.unit.submitGroup?.([member('t0')], [{ group: 'g', size: 1 }])
    const consumer = await lab.stores.broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@suite' })
    const reader = new Reader(consumer)
    const lost = await reader.next()
    await lost.reject({ requeue: true })
    const delivery = await reader.next()
    const end = { meta: metaOf('t0', SUCCESS), parts: [part(0)], end: 'ack' } as const
    assert.equal(await lab.unit.settle({ delivery: lost, ...end }), false)
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 1 })
    assert.equal((await lab.stores.backend.load(['t0']))[0]?.status, PENDING)
    assert.equal(await lab.unit.settle({ delivery, ...end }), true)
    assert.equal(lab.complete.length, 1)
    await consumer.close()
    await consumer.release()
  })

  it('a settlement adds a part with the record', async (lab) => {
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

/** Random lives; the error of one that fails has its seed, for FUZZ_SEED. */
function living(it: ChordCase): void {
  for (const number of [1, 2, 3])
    it(`holds what it must after each of many random steps, ${number}`, async (lab) => {
      await runRandomly(lab, Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32)), 60)
    })
}
