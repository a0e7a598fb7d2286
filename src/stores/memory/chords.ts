import { ChordListeners } from '../../backend/chordListeners.ts'
import type {
  AddedMember,
  Adding,
  ChordKeeping,
  ChordPart,
  ChordStore,
  ChordWrites,
  CompleteChord,
  OpenChord,
  PartSlice,
} from '../../backend/chords.ts'
import { endOf, staleAfter } from '../../backend/retention.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { ALL_CONTENT_TYPES, deserialize, type Serialized, serialize } from '../../protocol/serializer.ts'

/** Parts, and characters or bytes of results, of one slice. */
const MAX_PARTS = 1000
const MAX_SLICE_LENGTH = 2 ** 20

interface Kept extends Omit<ChordPart, 'result' | 'callback' | 'group' | 'ends'> {
  readonly serialized: Serialized
}

type EncodedPart = Kept & Pick<ChordPart, 'group' | 'callback' | 'ends'>

interface Chord {
  size: number
  readonly parts: Map<string, Kept>
  /** Once it is complete: its parts in the order of the header. */
  ordered: readonly Kept[]
  /** Members that were added, and whether they are sent. */
  readonly added: Map<string, boolean>
  callback: string
  /** Since when it is complete, ms since the epoch. */
  since: number | undefined
  /** When it is dropped, ms since the epoch. */
  end: number
}

/** Chords in this process's memory. Results are serialized nevertheless, as those of records. */
export class MemoryChords implements ChordStore {
  readonly shared = false
  readonly #keeping: ChordKeeping
  readonly #chords = new Map<string, Chord>()
  readonly #listeners = new ChordListeners()
  readonly writes: ChordWrites

  /** `store` is that of the backend. */
  constructor(keeping: ChordKeeping, store: (meta: TaskMeta) => Promise<boolean>) {
    this.#keeping = keeping
    this.writes = {
      open: async (chords, due) => this.#open(chords, due),
      // Its sender is this process: nothing is left of the chord when it dies.
      sending: async () => undefined,
      adding: async (member, until, due) => this.#adding(member, until, due),
      end: async ({ meta, also = [], parts }) => {
        const encoded = parts.map((part) => this.#encoded(part))
        for (const other of also) await store(other)
        const saved = meta === undefined || (await store(meta))
        this.#add(encoded, saved)
        return saved
      },
      isOpen: async (group) => this.#get(group) !== undefined,
      close: async (group) => this.#chords.delete(group),
    }
  }

  onComplete(listener: (chord: CompleteChord) => void): () => void {
    return this.#listeners.add(listener)
  }

  async complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    for (const group of this.#chords.keys()) this.#get(group)
    return [...this.#chords]
      .filter(([, { since }]) => since !== undefined && since < before)
      .sort(([, a], [, b]) => (a.since as number) - (b.since as number))
      .slice(0, limit)
      .map(([group, { callback }]) => ({ group, callback }))
  }

  async parts(group: string, from: number): Promise<PartSlice> {
    const chord = this.#get(group)
    if (chord?.since === undefined) return { parts: [] }
    const slice = chord.ordered.slice(from, from + MAX_PARTS)
    let [count, length] = [0, 0]
    while (count < slice.length && (count === 0 || length < MAX_SLICE_LENGTH))
      length += slice[count++]?.serialized.body.length ?? 0
    const parts = slice.slice(0, count).map(({ serialized, ...part }) => {
      const { body, contentType, contentEncoding } = serialized
      return { ...part, group, result: deserialize(body, contentType, contentEncoding, ALL_CONTENT_TYPES) }
    })
    return from + count < chord.ordered.length ? { parts, next: from + count } : { parts }
  }

  async progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    const chord = this.#get(group)
    return chord && { done: chord.parts.size, size: chord.size }
  }

  #adding({ group, taskId }: AddedMember, until: number | undefined, due: number | undefined): Adding {
    const chord = this.#get(group)
    if (!chord || chord.since !== undefined) return 'ended'
    const isSent = chord.added.get(taskId)
    if (isSent) return 'known'
    chord.added.set(taskId, until === undefined)
    if (isSent === undefined) chord.size += 1
    chord.end = Math.max(chord.end, this.#endAfter(due))
    return 'new'
  }

  #open(chords: readonly OpenChord[], due?: number): void {
    const end = this.#endAfter(due)
    for (const { group, size } of chords) {
      if (this.#get(group)) continue
      const parts = new Map<string, Kept>()
      this.#chords.set(group, { size, parts, ordered: [], added: new Map(), callback: '', since: undefined, end })
    }
  }

  /** When a chord is dropped whose last member is due then, ms since the epoch. */
  #endAfter(due = 0): number {
    return endOf(staleAfter(this.#keeping.expires), Math.max(this.#keeping.clock.now(), due))
  }

  #encoded({ result, ...part }: ChordPart): EncodedPart {
    return { ...part, serialized: serialize(result, this.#keeping.serializer, 'result') }
  }

  #add(parts: readonly EncodedPart[], replaces: boolean): void {
    for (const { group, callback, ends, ...part } of parts) {
      const chord = this.#get(group)
      if (!chord || chord.since !== undefined) continue
      if (!replaces && chord.parts.has(part.taskId)) continue
      chord.parts.set(part.taskId, part)
      chord.callback = callback
      if (chord.parts.size < chord.size && !ends) continue
      chord.ordered = [...chord.parts.values()].sort((a, b) => placeOf(a) - placeOf(b))
      chord.since = this.#keeping.clock.now()
      this.#listeners.notify({ group, callback })
    }
  }

  /** Undefined for one that is not open, or has expired. */
  #get(group: string): Chord | undefined {
    const chord = this.#chords.get(group)
    if (!chord || chord.end >= this.#keeping.clock.now()) return chord
    this.#chords.delete(group)
    return undefined
  }
}

function placeOf({ index }: Kept): number {
  return index ?? Number.POSITIVE_INFINITY
}
