import type { TaskMeta } from '../protocol/result.ts'
import type { SerializerName } from '../protocol/serializer.ts'
import type { Clock } from '../std/clock.ts'

/*
 * Chords: where the ends of the members of a group are gathered, so that a body can follow from all of them (Celery's
 * chord; celery-wire §4.4). Each sentence of these docs is a case of `testing/suites/chordSuite.ts`.
 */

/** A chord whose header is sent: opened in the same write as the first of its members, so that no part can miss it. */
export interface OpenChord {
  /** Id of the group that is its header. */
  readonly group: string
  /** How many parts it waits for; at least 1. */
  readonly size: number
  /** The call of the body, if the chord fails before it has a part (`ChordWrites.sending`). */
  readonly callback?: string
  /**
   * Only our workers complete it: another program that adds parts to the same keys does not know what the call of the
   * body says of failures. Needs `callback`, as no part of ours may come.
   */
  readonly held?: true
}

/**
 * A further member of a chord that is open (Celery's `add_to_chord`). It is counted in the write that sends it, once
 * for each task.
 */
export interface AddedMember {
  /** Id of the group that is the header. */
  readonly group: string
  readonly taskId: string
  /** The call of the body, if the chord ends before it has a part (`ChordWrites.adding`). */
  readonly callback?: string
}

/** What becomes of an added member: it is counted and sent; it was sent before; its chord is not open. */
export type Adding = 'new' | 'known' | 'ended'

/** The end of one member of a header. */
export interface ChordPart {
  readonly group: string
  /** Its place in the header, from 0; undefined for a member of Python's that has none: these come last. */
  readonly index: number | undefined
  readonly taskId: string
  readonly state: 'SUCCESS' | 'FAILURE' | 'REVOKED'
  /** Plain data: the result, or the encoded exception. */
  readonly result: unknown
  /** The call of the body, for `CompleteChord.callback`. Opaque to the store. */
  readonly callback: string
  /** The chord is complete with this part, whichever others are missing. */
  readonly ends?: true
}

/** A chord that has all its parts. It stays so until a write with `closes`. */
export interface CompleteChord {
  readonly group: string
  /** That of the part which completed it, or of one that was written with it. */
  readonly callback: string
}

/** A slice of the parts of a chord, in the order of the header. */
export interface PartSlice {
  readonly parts: readonly Omit<ChordPart, 'callback' | 'ends'>[]
  /** Where the next slice begins; absent after the last. */
  readonly next?: number
}

/**
 * Gathers parts. They are added, and chords opened and closed, by `UnitOfWork`: `Writing.parts`, `opens`, `closes`.
 *
 * A part is counted once for each task: a second one of the same task, after its message was delivered again, replaces
 * the first and counts nothing. A part of a chord that is not open, or is closed, is dropped. A chord is complete when
 * it has as many parts as `size` says, failures and revoked ones counted, or one that `ends` it; it is so exactly once,
 * whatever is repeated.
 */
export interface ChordStore {
  /** False: only this process uses it, so that no other one leaves complete chords behind. */
  readonly shared: boolean
  /**
   * Celery's clients open chords in it, too: a moment before they send the last member, when others may have begun.
   */
  readonly opensLate?: true
  /**
   * Call the listener for each chord that a write of this process completes, after the write. Returns what ends that.
   * With several listeners each chord goes to one of them.
   */
  onComplete(listener: (chord: CompleteChord) => void): () => void
  /**
   * Chords that were complete before this moment (ms since the epoch) and are not closed: those whose listener died.
   * The oldest first, at most `limit`. What else the store has to put in order, it does now.
   */
  complete(before: number, limit: number): Promise<readonly CompleteChord[]>
  /**
   * The parts of a complete chord, from a place on; an empty slice if it is closed. At most about 1 MiB or 1000 parts.
   */
  parts(group: string, from: number): Promise<PartSlice>
  /** How many parts have come, and how many are waited for; undefined for a chord that is not open. */
  progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined>
  /** For a unit of work of separate stores. */
  readonly writes: ChordWrites
}

/** The end of a task, and what it means for the chords around it. */
export interface MemberEnd {
  /** Final. */
  readonly meta?: TaskMeta
  /** Final records of other tasks, which will never run. */
  readonly also?: readonly TaskMeta[]
  readonly parts: readonly ChordPart[]
}

/** What a unit of work of separate stores does with chords: its messages are elsewhere. */
export interface ChordWrites {
  /**
   * Open chords whose members are sent after it, the last of which is due at `due`, ms since the epoch (default: now).
   * One that is open or complete keeps its parts.
   */
  open(chords: readonly OpenChord[], due?: number): Promise<void>
  /**
   * The members of these chords are being sent, until this moment (ms since the epoch); undefined: all are sent. If the
   * moment has passed, and the call of the body is known, of `OpenChord` or of a part, the chord fails: `complete` adds
   * a failed part, and the chord is complete.
   */
  sending(groups: readonly string[], until: number | undefined): Promise<void>
  /**
   * Count a member, once for each task, whose messages are sent after it, until this moment (ms since the epoch), the
   * last of them due at `due` (default: now); undefined: they are sent. If the moment has passed, the call of the body
   * is known, and the parts of all other members have come, `complete` adds a failed part of this member. `new` until
   * it is sent.
   */
  adding(member: AddedMember, until: number | undefined, due?: number): Promise<Adding>
  /**
   * Records and parts in one write. Resolves as `ResultBackend.store` for `meta`; true without one. Where a final
   * record stays, the part of that task stays, too. Throws EncodeError.
   */
  end(end: MemberEnd): Promise<boolean>
  /** True for one that is complete, too. */
  isOpen(group: string): Promise<boolean>
  /** False where it is not open. */
  close(group: string): Promise<boolean>
}

/** What chords are kept by. */
export interface ChordKeeping {
  /** How long the record of a finished task is kept, ms; 0: for ever. */
  readonly expires: number
  readonly serializer: SerializerName
  readonly clock: Clock
}
