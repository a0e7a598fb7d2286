import assert from 'node:assert/strict'
import type { NoteStore } from '../../backend/notes.ts'
import { type Case, casesOn, type OpenedBackend, type Place } from '../backendFixture.ts'
import type { Kit } from '../kit.ts'

/** What the notes of a result backend must do: each case is a sentence of the contract in `backend/notes.ts`. */
export function notesSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  kit.describe(`notes ${name}`, () => noting(casesOn(kit, open)))
}

function notesOf({ backend, other }: Place): readonly [NoteStore, NoteStore] {
  assert.ok(backend.notes && other.notes, 'the backend keeps notes')
  return [backend.notes, other.notes]
}

function noting(it: Case): void {
  it('putIfAbsent: the first note of a key stays until it expires, for all who share the store', async (place) => {
    const [backend, other] = notesOf(place)
    const note = (key: string, value: string, expires: number) => ({ key, value, expires: Date.now() + expires })
    const kept = await Promise.all([
      backend.putIfAbsent(note('k', 'one', 60_000)),
      other.putIfAbsent(note('k', 'two', 60_000)),
      backend.putIfAbsent(note('k é\n"', 'three', 60_000)),
    ])
    assert.equal(kept.filter(Boolean).length, 2)
    assert.equal(await other.get('k'), kept[0] ? 'one' : 'two')
    assert.equal(await other.get('k é\n"'), 'three')
    assert.equal(await backend.get('none'), undefined)
    assert.equal(await backend.putIfAbsent(note('gone', 'old', -1)), true)
    assert.equal(await other.get('gone'), undefined)
    assert.equal(await other.putIfAbsent(note('gone', 'new', 60_000)), true)
    assert.equal(await backend.get('gone'), 'new')
  })

  it('put: a note whatever was there, for all who share the store; an expired one drops it', async (place) => {
    const [backend, other] = notesOf(place)
    const note = (value: string, expires: number) => ({ key: 'r', value, expires: Date.now() + expires })
    await backend.put(note('one', 60_000))
    await backend.put(note('two', 60_000))
    assert.equal(await other.get('r'), 'two')
    assert.equal(await other.putIfAbsent(note('three', 60_000)), false)
    await backend.put(note('gone', -1))
    assert.equal(await other.get('r'), undefined)
    assert.equal(await other.putIfAbsent(note('three', 60_000)), true)
    await backend.put(note('four', 60_000))
    assert.equal(await other.get('r'), 'four')
  })

  it('replace: only in place of the expected value; of several callers, one; an expired one drops it', async (place) => {
    const [backend, other] = notesOf(place)
    const note = (value: string, expires = 60_000) => ({ key: 's', value, expires: Date.now() + expires })
    assert.equal(await backend.replace(note('one'), 'none'), false)
    assert.equal(await other.get('s'), undefined)
    await backend.put(note('one'))
    assert.equal(await other.replace(note('two'), 'another'), false)
    const done = await Promise.all(
      ['a', 'b', 'c', 'd'].map((value, at) => (at % 2 ? other : backend).replace(note(value), 'one')),
    )
    assert.equal(done.filter(Boolean).length, 1)
    assert.equal(await other.get('s'), 'abcd'[done.indexOf(true)])
    await backend.put(note('é "\n', 60_000))
    assert.equal(await other.replace(note('gone', -1), 'é "\n'), true)
    assert.equal(await backend.get('s'), undefined)
    await backend.put(note('old', -1))
    assert.equal(await backend.replace(note('new'), 'old'), false)
  })
}
