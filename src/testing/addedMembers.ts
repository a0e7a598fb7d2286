import assert from 'node:assert/strict'
import type { Submission } from '../backend/unitOfWork.ts'
import { PENDING } from '../protocol/states.ts'
import { type ChordCase, member, message, part } from './chordLab.ts'
import { metaOf } from './factories.ts'

/** Longer than an open chord is kept by the fixtures, ms. */
const LONG_MS = 30 * 86_400_000

/** Members that are added to an open chord: `UnitOfWork.submitGroup` with `adds`. */
export function addedMembers(it: ChordCase): void {
  counting(it)
  waiting(it)
}

/** What is counted and sent, and what is not. */
function counting(it: ChordCase): void {
  it('a member is counted in the write that sends it, once for each task', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    assert.deepEqual([await lab.added('more'), await lab.added('more')], ['new', 'known'])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    assert.equal(await lab.stores.broker.size('q'), 1)
    assert.equal((await lab.stores.backend.load(['more']))[0]?.status, PENDING)
    await lab.unit.write({ parts: [part(0)] })
    assert.deepEqual(lab.complete, [])
    await lab.unit.write({ parts: [part(1, 'more', { taskId: 'more', index: undefined })] })
    assert.equal(lab.complete.length, 1)
    assert.deepEqual(await lab.results(), [0, 'more'])
  })

  it('a chord that is complete, closed, ended or unknown takes no member: nothing is written', async (lab) => {
    await lab.completed('complete')
    await lab.completed('closed')
    await lab.unit.write({ closes: 'closed' })
    await lab.unit.write({ opens: [{ group: 'ended', size: 3 }] })
    await lab.unit.write({ parts: [part(0, 'no', { group: 'ended', state: 'FAILURE', ends: true })] })
    for (const group of ['complete', 'closed', 'ended', 'unknown'])
      assert.equal(await lab.added(`of ${group}`, group), 'ended', group)
    assert.equal(await lab.stores.broker.size('q'), 0)
    assert.deepEqual(await lab.stores.backend.load(['of complete', 'of unknown']), [undefined, undefined])
    assert.deepEqual((await lab.chords.parts('complete', 0)).parts.length, 1)
  })

  for (const count of [2, 1500])
    it(`a member that is a chord of ${count} is sent whole, once`, async (lab) => {
      const members = Array.from({ length: count }, (_, at) => member(`t${at}`))
      const add = (group: string) =>
        lab.unit.submitGroup?.(members, [{ group: 'inner', size: count }], { group, taskId: 'body' })
      assert.equal(await add('g'), 'ended')
      assert.equal(await lab.stores.broker.size('q'), 0)
      assert.equal(await lab.chords.progress('inner'), undefined)
      await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
      assert.deepEqual([await add('g'), await add('g')], ['new', 'known'])
      assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
      assert.deepEqual(await lab.chords.progress('inner'), { done: 0, size: count })
      assert.equal(await lab.stores.broker.size('q'), count)
    })

  it('a member that is refused is not counted', async (lab) => {
    // On separate stores it is counted, and fails if it is not sent by another attempt.
    if (!lab.unit.atomic) return
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    const bad: Submission = { message: message('bad'), meta: metaOf('bad', PENDING, { result: () => undefined }) }
    const adding = lab.unit.submitGroup?.([member('t1'), bad], [], { group: 'g', taskId: 'bad' })
    await assert.rejects(Promise.resolve(adding), { name: 'EncodeError' })
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 1 })
    assert.equal(await lab.stores.broker.size('q'), 0)
    assert.equal(await lab.added('bad'), 'new')
  })
}

/** Two at once, and late ones. */
function waiting(it: ChordCase): void {
  it('of two processes that add the same member at once, one sends it', async (lab) => {
    await lab.unit.write({ opens: [{ group: 'g', size: 1 }] })
    const other = await lab.otherUnit()
    const both = await Promise.all([lab.added('more'), lab.added('more', 'g', other)])
    assert.deepEqual(await lab.chords.progress('g'), { done: 0, size: 2 })
    // On separate stores the second one cannot know whether the first has died.
    if (!lab.unit.atomic) return
    assert.deepEqual([...both].sort(), ['known', 'new'])
    assert.equal(await lab.stores.broker.size('q'), 1)
  })

  it('a chord is kept for as long as its members wait, and those that are added', async (lab) => {
    const late = { ...member('late'), message: { ...message('late'), notBefore: Date.now() + LONG_MS } }
    await lab.unit.submitGroup?.([late], [{ group: 'h', size: 1 }])
    await lab.unit.write({ publish: [late.message], opens: [{ group: 'i', size: 1 }] })
    await lab.unit.write({ opens: [{ group: 'short', size: 1 }] })
    await lab.unit.write({ opens: [{ group: 'j', size: 2 }] })
    await lab.unit.write({ parts: [part(0, 0, { group: 'j' })] })
    await lab.unit.submitGroup?.([late], [], { group: 'j', taskId: 'late' })
    await lab.fixture.expire()
    assert.deepEqual(await lab.chords.progress('h'), { done: 0, size: 1 })
    assert.deepEqual(await lab.chords.progress('i'), { done: 0, size: 1 })
    assert.equal(await lab.chords.progress('short'), undefined)
    assert.deepEqual(await lab.chords.progress('j'), { done: 1, size: 3 })
    await lab.unit.write({ parts: [part(1, 1, { group: 'j' })] })
    await lab.unit.write({ parts: [part(2, 2, { group: 'j', taskId: 'late', index: undefined })] })
    assert.ok(lab.complete.some(({ group }) => group === 'j'))
  })
}
