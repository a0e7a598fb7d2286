import type { TaskMessage } from '../protocol/message.ts'
import type { TaskMeta } from '../protocol/result.ts'
import type { ChordPart, OpenChord } from './chords.ts'
import type { Message, OwnedTasks } from './unitOfWork.ts'

/** A task at its end, as its final record and its message describe it. */
export interface EndedTask {
  /** The final record, with the result; also of a task that keeps no record. */
  readonly meta: TaskMeta
  /** Headers of its message. */
  readonly headers: Readonly<Record<string, unknown>>
  /** Absent if the message was not decoded, or if its links cannot be followed. */
  readonly message?: TaskMessage
  /** Of a message that was not decoded: what it would have sent, as it was received (`linksOf`). */
  readonly links?: readonly unknown[]
  /** Queue that the message came from. */
  readonly queue: string
  /** The moment of the end, ms since the epoch. */
  readonly now: number
  /** Sender of what follows, for people. */
  readonly origin?: string
  /** The store lists its tasks: each task that is sent gets its PENDING record. */
  readonly listed: boolean
}

/** What follows from the end of a task. It is written together with the final record. */
export interface Following {
  readonly publish: readonly Message[]
  /** Records of other tasks: PENDING of those that are sent, and the ends of those that never will be. */
  readonly also: readonly TaskMeta[]
  /** Owner and tags of tasks whose PENDING records are in `also`, by their ids. */
  readonly metadata?: OwnedTasks
  /** Ids of the tasks that are sent and count as children of the ended task. */
  readonly children: readonly string[]
  /** Chords whose headers are among `publish`. */
  readonly opens?: readonly OpenChord[]
  /** The end of a member of a chord, and of those members that will never be sent. */
  readonly parts?: readonly ChordPart[]
  /** The worker keeps a copy of the failed task's message in the dead-letter queue. */
  readonly deadLetter?: boolean
}

/** A rule for what follows from the end of a task, as its links or its webhook. Throws for what cannot be sent. */
export type FollowUp = (end: EndedTask) => Following

/** The usual answer: most tasks have neither links nor a webhook. */
export const NOTHING_FOLLOWS: Following = { publish: [], also: [], children: [] }

/** All that follows from one end, by all rules, in their order. */
export function followingOf(end: EndedTask, followUps: readonly FollowUp[]): Following {
  let all = NOTHING_FOLLOWS
  for (const followUp of followUps) {
    const next = followUp(end)
    if (all === NOTHING_FOLLOWS) all = next
    else if (next !== NOTHING_FOLLOWS) all = joined(all, next)
  }
  return all
}

function joined(one: Following, other: Following): Following {
  return {
    publish: [...one.publish, ...other.publish],
    also: [...one.also, ...other.also],
    metadata:
      one.metadata && other.metadata ? new Map([...one.metadata, ...other.metadata]) : (one.metadata ?? other.metadata),
    children: [...one.children, ...other.children],
    opens: one.opens && other.opens ? [...one.opens, ...other.opens] : (one.opens ?? other.opens),
    parts: one.parts && other.parts ? [...one.parts, ...other.parts] : (one.parts ?? other.parts),
    deadLetter: one.deadLetter || other.deadLetter,
  }
}
