import type { Adding, ChordPart, ChordStore, CompleteChord, PartSlice } from '../backend/chords.ts'
import type { Message, Submission, UnitOfWork } from '../backend/unitOfWork.ts'
import { PENDING, SUCCESS } from '../protocol/states.ts'
import type { OpenStores } from '../stores/open.ts'
import { envelopeOf, metaOf, toQueue } from './factories.ts'
import { Reader } from './reader.ts'

/** Stores whose backend keeps chords, empty. */
export type ChordStores = Pick<OpenStores, 'broker' | 'backend' | 'unitOfWork' | 'close'>

export interface ChordFixture {
  readonly stores: ChordStores
  /** Another connection to the same store, where it is shared. The suite closes it. */
  readonly again?: () => Promise<ChordStores>
  /** Let the time pass after which chords are dropped that are not complete. */
  expire(): Promise<void>
}

export type ChordCase = (title: string, run: (lab: ChordLab) => Promise<void>) => void

/** The stores of one test, and the chords that it completes. */
export class ChordLab {
  readonly fixture: ChordFixture
  readonly stores: ChordStores
  readonly complete: CompleteChord[] = []
  readonly #others: ChordStores[] = []

  constructor(fixture: ChordFixture) {
    this.fixture = fixture
    this.stores = fixture.stores
    this.chords.onComplete((chord) => this.complete.push(chord))
  }

  async close(): Promise<void> {
    for (const stores of [...this.#others, this.stores]) await stores.close()
  }

  /** Of another process, where the store is shared. The chords that it completes are among `complete`, too. */
  async otherUnit(): Promise<UnitOfWork> {
    if (!this.fixture.again) return this.unit
    const other = await this.fixture.again()
    this.#others.push(other)
    other.backend.chords?.onComplete((chord) => this.complete.push(chord))
    return other.unitOfWork
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

  /** A task of this id is added to a chord. */
  added(taskId: string, group = 'g', unit: UnitOfWork = this.unit): Promise<Adding | undefined> {
    return Promise.resolve(unit.submitGroup?.([member(taskId)], [], { group, taskId }))
  }

  async results(): Promise<unknown[]> {
    return (await this.slices()).flat()
  }

  /** The results of `g`, as they are read. */
  async slices(): Promise<unknown[][]> {
    const found: unknown[][] = []
    for (let from: number | undefined = 0; from !== undefined; ) {
      const slice: PartSlice = await this.chords.parts('g', from)
      found.push(slice.parts.map(({ result }) => result))
      from = slice.next
    }
    return found
  }

  /** Ids of the messages that wait, which are returned to their queue. */
  async ids(count: number): Promise<string[]> {
    const consumer = await this.stores.broker.consume([{ name: 'q' }], { prefetch: count, name: 'celery@suite' })
    const reader = new Reader(consumer)
    const found: string[] = []
    for (let at = 0; at < count; at++) found.push((await reader.next()).envelope.headers.id as string)
    await consumer.close()
    await consumer.release()
    return found.sort()
  }
}

/** The end of a member of `g`. */
export function part(index: number, result: unknown = index, more: Partial<ChordPart> = {}): ChordPart {
  return { group: 'g', index, taskId: `t${index}`, state: SUCCESS, result, callback: `c${index}`, ...more }
}

export function message(id: string): Message {
  return { envelope: envelopeOf(id), route: toQueue('q') }
}

export function member(id: string): Submission {
  return { message: message(id), meta: metaOf(id, PENDING) }
}
