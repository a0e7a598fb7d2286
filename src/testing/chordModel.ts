import assert from 'node:assert/strict'
import type { ChordPart } from '../backend/chords.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import { PENDING, SUCCESS } from '../protocol/states.ts'
import { type ChordLab, message, part } from './chordLab.ts'
import { metaOf } from './factories.ts'

/** What a store must hold of a chord that is open or complete. */
interface Expected {
  readonly group: string
  /** Members that were sent with it. */
  readonly header: number
  size: number
  /** By task, in the order in which the tasks had their first part. */
  readonly parts: Map<string, ChordPart>
  /** Members that were added, and have no part yet. */
  readonly added: Set<string>
  isComplete: boolean
}

const GROUPS = ['g0', 'g1', 'g2', 'g3']
const STATES: readonly ChordPart['state'][] = [SUCCESS, SUCCESS, 'FAILURE', 'REVOKED']
/** Later than any moment at which a chord was completed, ms. */
const LATER = 60_000

/**
 * Random lives of chords: opened, parts that come in any order, twice or late, members that are added, chords that are
 * ended early and closed. After each step the store is compared with what it must hold. Throws with the seed.
 */
export async function runRandomly(lab: ChordLab, seed: number, steps: number): Promise<void> {
  const model = new ChordModel(lab, await lab.otherUnit(), randomOf(seed))
  const taken: string[] = []
  try {
    for (let step = 0; step < steps; step++) {
      taken.push(await model.step())
      await model.check()
    }
    await model.end()
  } catch (error) {
    throw new Error(`with the seed ${seed}, after ${taken.slice(-8).join('; ')}`, { cause: error })
  }
}

class ChordModel {
  readonly #lab: ChordLab
  readonly #units: readonly UnitOfWork[]
  readonly #random: () => number
  readonly #chords = new Map<string, Expected>()
  /** Groups in the order in which they were completed. */
  readonly #completed: string[] = []
  #sent = 0
  /** For ids and results that were never there before. */
  #number = 0

  constructor(lab: ChordLab, other: UnitOfWork, random: () => number) {
    this.#lab = lab
    this.#units = [lab.unit, other]
    this.#random = random
  }

  /** One random step. Returns its name. */
  async step(): Promise<string> {
    const group = this.#pick(GROUPS)
    const chord = this.#chords.get(group)
    const kind = chord
      ? this.#pick(['part', 'part', 'part', 'parts', 'both', 'again', 'add', 'ends', 'close', 'open'])
      : 'open'
    if (kind === 'open') await this.#open(group)
    if (kind === 'add') await this.#addMember(group)
    if (kind === 'close') await this.#close(group)
    if (kind === 'part') await this.#write([this.#part(group)])
    if (kind === 'parts') await this.#write(this.#parts(group, 3))
    if (kind === 'both') await this.#writeBoth(group)
    if (kind === 'again') await this.#writeAgain(group)
    if (kind === 'ends') await this.#write([{ ...this.#part(group), state: 'FAILURE', ends: true }])
    return `${kind} ${group}`
  }

  async check(): Promise<void> {
    const { chords, complete } = this.#lab
    assert.deepEqual(complete.map(({ group }) => group).sort(), [...this.#completed].sort(), 'completed, each once')
    for (const group of GROUPS) {
      const chord = this.#chords.get(group)
      const progress = await chords.progress(group)
      assert.deepEqual(progress, chord && { done: chord.parts.size, size: chord.size }, `the progress of ${group}`)
      if (progress) assert.ok(progress.done >= 0 && progress.done <= progress.size, `the counters of ${group}`)
      await this.#checkParts(group, chord)
    }
    const left = await chords.complete(Date.now() + LATER, 100)
    const expected = [...this.#chords.values()].filter(({ isComplete }) => isComplete)
    assert.deepEqual(
      left.map(({ group, callback }) => `${group} ${callback}`).sort(),
      expected.map(({ group }) => `${group} of ${group}`).sort(),
      'complete and not closed',
    )
    assert.equal(
      await this.#lab.stores.broker.size('q'),
      this.#sent,
      'one body for each chord, one message for each member',
    )
  }

  /** Close all: nothing is left. */
  async end(): Promise<void> {
    for (const group of GROUPS) await this.#close(group)
    await this.check()
  }

  async #checkParts(group: string, chord: Expected | undefined): Promise<void> {
    const { parts } = await this.#lab.chords.parts(group, 0)
    const all = chord?.isComplete ? [...chord.parts.values()] : []
    const expected = all.map(({ callback: _, ends: __, ...one }) => one)
    const isPlaced = ({ index }: { index: number | undefined }): boolean => index !== undefined
    const byPlace = (a: { index: number | undefined }, b: { index: number | undefined }): number =>
      (a.index ?? 0) - (b.index ?? 0)
    const placed = expected.filter(isPlaced).sort(byPlace)
    assert.deepEqual(parts.slice(0, placed.length), placed, `the parts of ${group}, in the order of the header`)
    const ids = (list: readonly { taskId: string; result: unknown }[]): string[] =>
      list.map(({ taskId, result }) => `${taskId} ${JSON.stringify(result)}`).sort()
    assert.deepEqual(
      ids(parts.slice(placed.length)),
      ids(expected.filter((one) => !isPlaced(one))),
      'those without one',
    )
  }

  /** Once more where a header may be sent again: on separate stores, whatever has become of the chord. */
  async #open(group: string): Promise<void> {
    const chord = this.#chords.get(group)
    if (chord?.isComplete && this.#lab.unit.atomic) return
    const size = chord?.header ?? 1 + this.#below(5)
    await this.#unit().write({ opens: [{ group, size }] })
    if (chord) return
    this.#chords.set(group, { group, header: size, size, parts: new Map(), added: new Set(), isComplete: false })
  }

  async #addMember(group: string): Promise<void> {
    const chord = this.#chords.get(group) as Expected
    const again = [...chord.added][0]
    const taskId = again !== undefined && this.#random() < 0.3 ? again : `added${this.#number++}`
    const adding = chord.isComplete ? 'ended' : again === taskId ? 'known' : 'new'
    // On separate stores each unit has messages of its own.
    const unit = this.#lab.unit.atomic ? this.#unit() : this.#lab.unit
    assert.equal(await this.#lab.added(taskId, group, unit), adding, `a member of ${group}`)
    if (adding !== 'new') return
    this.#sent += 1
    chord.size += 1
    chord.added.add(taskId)
  }

  /** By one unit of work: to another process its claim would look like that of one that has just begun. */
  async #close(group: string): Promise<void> {
    const id = `body${this.#number++}`
    const body = { publish: [message(id)], also: [metaOf(id, PENDING)], closes: group }
    const isOpen = this.#chords.delete(group)
    assert.equal(await this.#lab.unit.write(body), isOpen, `whether ${group} is closed`)
    if (isOpen) this.#sent += 1
  }

  /** A part that the chord waits for; of one that is complete, a late one. */
  #part(group: string, except: ReadonlySet<string> = new Set()): ChordPart {
    const { header, added, parts } = this.#chords.get(group) as Expected
    const waited: [string, number | undefined][] = [...added].map((id) => [id, undefined])
    for (let index = 0; index < header; index++) waited.push([`${group}-${index}`, index])
    const open = waited.filter(([id]) => !parts.has(id) && !except.has(id))
    const [taskId, index] = open.length > 0 ? this.#pick(open) : [`late${this.#number++}`, 0]
    const state = this.#pick(STATES)
    return part(index ?? 0, this.#result(), { group, index, taskId, state, callback: `of ${group}` })
  }

  #parts(group: string, count: number): ChordPart[] {
    const { size, parts, isComplete } = this.#chords.get(group) as Expected
    const most = isComplete ? count : Math.min(count, size - parts.size)
    const found: ChordPart[] = []
    while (found.length < most) found.push(this.#part(group, new Set(found.map(({ taskId }) => taskId))))
    return found
  }

  /** Two processes at once. */
  async #writeBoth(group: string): Promise<void> {
    const parts = this.#parts(group, 2)
    await Promise.all(parts.map((one, at) => this.#units[at]?.write({ parts: [one] })))
    this.#add(parts)
  }

  /** A task that ran twice; the second run may end the chord. */
  async #writeAgain(group: string): Promise<void> {
    const { parts } = this.#chords.get(group) as Expected
    if (parts.size === 0) return
    const again = { ...this.#pick([...parts.values()]), result: this.#result() }
    await this.#write([this.#random() < 0.2 ? { ...again, state: 'FAILURE', ends: true } : again])
  }

  async #write(parts: readonly ChordPart[]): Promise<void> {
    await this.#unit().write({ parts })
    this.#add(parts)
  }

  #add(parts: readonly ChordPart[]): void {
    for (const one of parts) {
      const chord = this.#chords.get(one.group)
      if (!chord || chord.isComplete) continue
      chord.parts.set(one.taskId, one)
      chord.added.delete(one.taskId)
      if (chord.parts.size < chord.size && !one.ends) continue
      chord.isComplete = true
      this.#completed.push(one.group)
    }
  }

  #result(): unknown {
    return this.#pick([null, this.#number++, `ü ${this.#number++}`, [{ number: this.#number++ }, 1.5, {}], []])
  }

  #unit(): UnitOfWork {
    return this.#pick(this.#units)
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)] as Value
  }
}

/** Numbers from 0 to below 1, the same for each seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
