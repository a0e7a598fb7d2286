import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { ChordPart, ChordStore, ChordWrites, CompleteChord } from '../../backend/chords.ts'
import { FAILURE, PENDING, SUCCESS } from '../../protocol/states.ts'
import { metaOf } from '../factories.ts'
import type { Kit } from '../kit.ts'

/** The contract of `ChordWrites`: chords whose messages are in another store. `open` gives an empty backend. */
export function chordWritesSuite(kit: Kit, name: string, open: () => Promise<ResultBackend>): void {
  const it: Case = (title, run) =>
    kit.it(title, async () => {
      const backend = await open()
      const { chords } = backend
      if (!chords) throw new Error('expected a backend with chords')
      const complete: CompleteChord[] = []
      chords.onComplete((chord) => complete.push(chord))
      try {
        await run({ backend, chords, complete, writes: chords.writes })
      } finally {
        await backend.close()
      }
    })
  kit.describe(`chords written by themselves ${name}`, () => {
    ends(it)
    headers(it)
    adding(it)
  })
}

interface ChordScene {
  readonly backend: ResultBackend
  readonly chords: ChordStore
  readonly complete: readonly CompleteChord[]
  readonly writes: ChordWrites
}

type Case = (title: string, run: (scene: ChordScene) => Promise<void>) => void

function part(index: number, result: unknown = index, state: ChordPart['state'] = SUCCESS): ChordPart {
  return { group: 'g', index, taskId: `t${index}`, state, result, callback: 'c' }
}

function ends(it: Case): void {
  it('an end is record and part; the last completes the chord', async ({ backend, chords, complete, writes }) => {
    await writes.open([{ group: 'g', size: 2 }])
    assert.equal(await writes.end({ meta: metaOf('t0', SUCCESS), parts: [part(0)] }), true)
    assert.deepEqual(await chords.progress('g'), { done: 1, size: 2 })
    const also = [metaOf('next', FAILURE)]
    assert.equal(await writes.end({ meta: metaOf('t1', FAILURE), also, parts: [part(1)] }), true)
    assert.deepEqual(complete, [{ group: 'g', callback: 'c' }])
    const records = await backend.load(['t0', 't1', 'next'])
    assert.deepEqual(
      records.map((meta) => meta?.status),
      [SUCCESS, FAILURE, FAILURE],
    )
  })

  it('many ends at once, each counted', async ({ chords, complete, writes }) => {
    await writes.open([{ group: 'g', size: 100 }])
    const all = Array.from({ length: 100 }, (_, at) =>
      writes.end({ meta: metaOf(`t${at}`, SUCCESS), parts: [part(at)] }),
    )
    assert.ok((await Promise.all(all)).every((saved) => saved))
    assert.equal(complete.length, 1)
    assert.equal((await chords.parts('g', 0)).parts.length, 100)
  })

  it('where a final record stays, its part stays; a record without its part gets one', async (scene) => {
    const { backend, chords, writes } = scene
    await writes.open([{ group: 'g', size: 2 }])
    await writes.end({ meta: metaOf('t0', SUCCESS), parts: [part(0, 'first')] })
    assert.equal(await writes.end({ meta: metaOf('t0', FAILURE), parts: [part(0, 'second', FAILURE)] }), false)
    assert.deepEqual(await chords.progress('g'), { done: 1, size: 2 })
    await backend.store(metaOf('t1', SUCCESS))
    assert.equal(await writes.end({ meta: metaOf('t1', SUCCESS), parts: [part(1)] }), false)
    const { parts } = await chords.parts('g', 0)
    assert.deepEqual(
      parts.map(({ state, result }) => [state, result]),
      [
        [SUCCESS, 'first'],
        [SUCCESS, 1],
      ],
    )
  })

  it('an end without a record replaces the part', async ({ chords, writes }) => {
    await writes.open([{ group: 'g', size: 2 }])
    assert.equal(await writes.end({ parts: [part(0, 'first')] }), true)
    assert.equal(await writes.end({ parts: [part(0, 'second'), part(1)] }), true)
    assert.equal((await chords.parts('g', 0)).parts[0]?.result, 'second')
  })

  it('what cannot be encoded writes neither record nor part', async ({ backend, chords, writes }) => {
    await writes.open([{ group: 'g', size: 2 }])
    const loop: unknown[] = []
    loop.push(loop)
    await assert.rejects(async () => writes.end({ meta: metaOf('t0', SUCCESS), parts: [part(0, loop)] }))
    assert.deepEqual(await chords.progress('g'), { done: 0, size: 2 })
    assert.deepEqual(await backend.load(['t0']), [undefined])
  })
}

function headers(it: Case): void {
  it('is open until it is closed, once; opened again it keeps its parts', async ({ chords, writes }) => {
    assert.deepEqual([await writes.isOpen('g'), await writes.close('g')], [false, false])
    await writes.open([{ group: 'g', size: 1 }])
    await writes.end({ parts: [part(0)] })
    await writes.open([{ group: 'g', size: 1 }])
    assert.deepEqual(await chords.progress('g'), { done: 1, size: 1 })
    assert.deepEqual([await writes.isOpen('g'), await writes.close('g')], [true, true])
    assert.deepEqual([await writes.isOpen('g'), await writes.close('g')], [false, false])
  })

  it('one whose sender died fails, once its body is known', async (scene) => {
    const { chords, complete, writes } = scene
    // In memory nothing is left of it.
    if (!chords.shared) return
    const past = Date.now() - 1000
    await writes.open([
      { group: 'g', size: 5 },
      { group: 'unknown', size: 5 },
      { group: 'h', size: 5, callback: 'of h' },
    ])
    const groups = ['g', 'unknown', 'h']
    await writes.sending(groups, past + 3_600_000)
    await writes.end({ parts: [part(3)] })
    assert.deepEqual(await chords.complete(past, 10), [])
    await writes.sending(groups, past)
    const failed = [...(await chords.complete(past, 10)), ...complete]
    assert.deepEqual(failed.map(({ group, callback }) => `${group} ${callback}`).sort(), ['g c', 'h of h'])
    assert.equal((await chords.parts('h', 0)).parts.length, 1)
    await writes.close('h')
    const { parts } = await chords.parts('g', 0)
    assert.deepEqual(
      parts.map(({ index, taskId, state }) => [index, taskId, state]),
      [
        [3, 't3', SUCCESS],
        [undefined, 'g', FAILURE],
      ],
    )
    await writes.end({ parts: [part(4)] })
    assert.equal((await chords.parts('g', 0)).parts.length, 2)
    assert.equal(await writes.close('g'), true)
    assert.deepEqual(await chords.complete(Date.now() + 1000, 10), [])
  })

  it('one that was sent whole waits for its parts', async ({ chords, complete, writes }) => {
    const past = Date.now() - 1000
    await writes.open([{ group: 'g', size: 2 }])
    await writes.sending(['g'], past)
    await writes.sending(['g'], undefined)
    await writes.end({ meta: metaOf('t0', PENDING), parts: [part(0)] })
    assert.deepEqual([...(await chords.complete(past, 10)), ...complete], [])
    assert.deepEqual(await chords.progress('g'), { done: 1, size: 2 })
  })
}

function adding(it: Case): void {
  const more = { group: 'g', taskId: 'more', callback: 'c' }

  it('a member is counted once, and is to be sent until it is', async ({ chords, writes }) => {
    const soon = Date.now() + 60_000
    assert.equal(await writes.adding(more, soon), 'ended')
    await writes.open([{ group: 'g', size: 1 }])
    assert.deepEqual([await writes.adding(more, soon), await writes.adding(more, soon)], ['new', 'new'])
    await writes.adding(more, undefined)
    assert.equal(await writes.adding(more, soon), 'known')
    assert.deepEqual(await chords.progress('g'), { done: 0, size: 2 })
    await writes.end({ parts: [part(0)] })
    await writes.end({ parts: [{ ...part(1), taskId: 'more', index: undefined }] })
    assert.equal(await writes.adding({ ...more, taskId: 'late' }, soon), 'ended')
    assert.equal((await chords.parts('g', 0)).parts.length, 2)
  })

  it('one that was not sent in time fails, once it is the only one that is missing', async (scene) => {
    const { chords, complete, writes } = scene
    // In memory nothing is left of it.
    if (!chords.shared) return
    const past = Date.now() - 1000
    await writes.open([{ group: 'g', size: 2 }])
    for (const taskId of ['a', 'b', 'c']) await writes.adding({ ...more, taskId }, past)
    await writes.end({ parts: [part(0)] })
    assert.deepEqual(await chords.complete(past, 10), [])
    // One of them has ended, and its task had no time to say that it is sent.
    await writes.end({ parts: [{ ...part(9), taskId: 'b', index: undefined }, part(1)] })
    assert.deepEqual(await chords.progress('g'), { done: 3, size: 5 })
    await writes.adding({ ...more, taskId: 'c' }, past + 3_600_000)
    assert.deepEqual([...(await chords.complete(past, 10)), ...complete], [])
    await writes.adding({ ...more, taskId: 'c' }, past)
    const failed = [...(await chords.complete(past, 10)), ...complete]
    assert.deepEqual(failed, [{ group: 'g', callback: 'c' }])
    const { parts } = await chords.parts('g', 0)
    const ends = parts.map(({ taskId, state }) => `${taskId} ${state}`)
    assert.deepEqual(ends.slice(0, 2), ['t0 SUCCESS', 't1 SUCCESS'])
    assert.deepEqual(ends.slice(2).sort(), ['a FAILURE', 'b SUCCESS', 'c FAILURE'])
    assert.equal(await writes.close('g'), true)
    assert.deepEqual(await chords.complete(Date.now() + 1000, 10), [])
  })

  it('one that was sent is waited for; a header that is sent whole leaves its deadline', async (scene) => {
    const { chords, complete, writes } = scene
    if (!chords.shared) return
    const past = Date.now() - 1000
    await writes.open([{ group: 'g', size: 1, callback: 'c' }])
    await writes.sending(['g'], past + 3_600_000)
    for (const taskId of ['a', 'b']) await writes.adding({ ...more, taskId }, past)
    await writes.adding({ ...more, taskId: 'a' }, undefined)
    await writes.sending(['g'], undefined)
    await writes.end({ parts: [part(0)] })
    assert.deepEqual([...(await chords.complete(past, 10)), ...complete], [])
    await writes.end({ parts: [{ ...part(2), taskId: 'a', index: undefined }] })
    await writes.adding({ ...more, taskId: 'b' }, past)
    assert.equal([...(await chords.complete(past, 10)), ...complete].length, 1)
  })
}
