import type { ChangedMessage, Delivery, FoundMessage, Route } from '../broker/broker.ts'
import type { LimitStore } from '../broker/limits.ts'
import type { MaxWaiting, QueueNeed } from '../broker/waitingCounts.ts'
import type { Envelope } from '../protocol/envelope.ts'
import type { TaskMeta } from '../protocol/result.ts'
import type { AddedMember, Adding, ChordPart, CompleteChord, OpenChord } from './chords.ts'
import type { NewDeadLetter } from './dead/deadLetters.ts'
import type { Output } from './eventLog.ts'
import type { NoteStore, SubmissionNote } from './notes.ts'
import type { RecordChange } from './recordChange.ts'

/** A message to be published: its content, its route and its time. */
export interface Message {
  readonly envelope: Envelope
  readonly route: Route
  readonly notBefore?: number
  /**
   * Of a submission to exchange '': rejects with QueueFullError where more than this would wait in its queue, all that
   * is submitted together counted; then nothing of it is written. Absent: it is always taken, as all that workers send
   * is.
   */
  readonly maxWaiting?: MaxWaiting | undefined
  /** With `maxWaiting`: a count that was made shortly before is not used, as room was made since. */
  readonly countAgain?: boolean
  /**
   * It is a dead letter: where the backend keeps these (`ResultBackend.deadLetters`), it is kept there with the same
   * write, and not published.
   */
  readonly dead?: NewDeadLetter
}

/** A dead letter that is sent again. */
export interface Redriven {
  readonly id: string
  /** `DeadLetter.version`. */
  readonly version: number
  /** What is sent in its place. */
  readonly message: Message
  /** What its record becomes, as by `DeadLetterStore.reopen`. */
  readonly meta?: TaskMeta | undefined
}

/** The message itself contains its time (Celery's eta): Celery's own workers expect it in the queue. */
export function isSelfTimed({ envelope }: Message): boolean {
  return typeof envelope.headers.eta === 'string'
}

/** When the last of these messages is due, ms since the epoch; 0: at once. */
export function lastDue(messages: readonly Message[]): number {
  return messages.reduce((last, { notBefore = 0 }) => Math.max(last, notBefore), 0)
}

/** What a job that waits becomes. */
export interface ChangedJob extends ChangedMessage {
  /** Of its record, where there is one. */
  readonly record: RecordChange
}

/** Decides what a job becomes: as `MessageChange` of the broker, from its record, too. */
export type JobChange = (found: FoundMessage, known: TaskMeta | undefined) => ChangedJob

/**
 * What was known of a job at its submission. No later write changes it, but `UnitOfWork.change` the input. Empty
 * metadata means that the job is to be listed (`JobIndex.scope`).
 */
export interface SubmissionMetadata {
  /** The owner of the job. */
  readonly owner?: string
  readonly tags?: readonly string[]
  /** Body of its message, so that the same call can be sent again: text is JSON, bytes are msgpack. */
  readonly input?: string | Uint8Array
}

/** A submitted task: its message and, unless results are ignored, its PENDING record. */
export interface Submission {
  /** Absent if the caller itself runs the task (the eager mode). */
  readonly message?: Message
  readonly meta?: TaskMeta
  /** Send only if no record of this id exists yet (idempotency keys). Needs `meta`. */
  readonly once?: boolean
  /** Kept with the record, where the store keeps metadata (`ResultBackend.jobs`). Needs `meta`. */
  readonly metadata?: SubmissionMetadata
  /**
   * Send only if there is no note of this key, or the one under it has the expected value; and keep this one. Needs a
   * backend that keeps notes.
   */
  readonly note?: SubmissionNote
}

/** The messages of these submissions. */
export function messagesOf(submissions: readonly Submission[]): readonly Message[] {
  return submissions.flatMap(({ message }) => message ?? [])
}

/** Whether one of these needs room in its queue. */
export function isBounded(submissions: readonly Submission[]): boolean {
  return submissions.some(({ message }) => message?.maxWaiting !== undefined)
}

/**
 * The room that these need, in the order of the queues' names; of those without `maxWaiting` none. `bytesOf`: of a
 * message, as it will be stored; asked where bytes are bounded.
 */
export function needsOf(
  submissions: readonly Submission[],
  bytesOf: (envelope: Envelope) => number,
): readonly QueueNeed[] {
  const needs = new Map<string, QueueNeed>()
  for (const { message } of submissions) {
    if (message?.maxWaiting === undefined) continue
    const { route, maxWaiting: max, envelope, countAgain: again = false } = message
    const queue = route.routingKey
    const before = needs.get(queue) ?? { messages: 0, bytes: 0, again: false }
    const own = max.bytes === undefined ? 0 : bytesOf(envelope)
    const [messages, bytes] = [before.messages + 1, before.bytes + own]
    needs.set(queue, { queue, max, messages, bytes, again: again || before.again })
  }
  return [...needs.values()].sort((one, other) => (one.queue < other.queue ? -1 : 1))
}

/** Where the caller of a task waits for its results, and the name by which the caller knows them. */
export interface Reply {
  readonly to: string
  readonly correlationId: string
}

/** Submission metadata of tasks, by their ids. */
export type OwnedTasks = ReadonlyMap<string, SubmissionMetadata>

/** What is written about a task: its record, and what follows from it. */
export interface Writing {
  readonly meta?: TaskMeta
  /** Where the caller waits for the record, with rpc://. */
  readonly reply?: Reply
  readonly publish?: readonly Message[]
  /** Records of other tasks: PENDING of those that `publish` sends, and the ends of those that will never be sent. */
  readonly also?: readonly TaskMeta[]
  /**
   * Kept with PENDING records of `also`, where the store keeps metadata (`ResultBackend.jobs`). A store may write these
   * records before the rest: if that is not written, they stay until they expire.
   */
  readonly metadata?: OwnedTasks | undefined
  /** Ends of members of chords. Needs a backend that keeps chords, as the next two. */
  readonly parts?: readonly ChordPart[]
  /** Chords whose headers are among the messages of `publish`. */
  readonly opens?: readonly OpenChord[]
  /** Group of a chord whose body, or failure, this is. Nothing is written, and false, if it was closed before. */
  readonly closes?: string
}

/** The end of a delivery: what is written, and what happens to the message. */
export interface Settlement extends Omit<Writing, 'closes'> {
  readonly delivery: Delivery
  readonly end: 'ack' | 'requeue' | 'drop'
}

/** A settlement as plain data: it is written where the caller's transaction is, which may be another process. */
export interface Completion {
  /** Names the delivery, as its store does. */
  readonly hold: Readonly<Record<string, unknown>>
  readonly writing: Omit<Writing, 'closes'>
}

/**
 * What became of a delivery whose settlement was written in a transaction of the caller. `undone`: it is still ours,
 * and the transaction was rolled back; or it is open, where the store cannot know that. `lost`: neither ours nor
 * settled by us.
 */
export type CompletionState = 'committed' | 'open' | 'undone' | 'lost'

/** Settlements in transactions of the caller. */
export interface Completions {
  /**
   * The settlement, which acknowledges, as it crosses. Waits for earlier writes of its record, where these could wait
   * for it.
   */
  prepare(settlement: Settlement): Promise<Completion>
  /**
   * Write it in the transaction that is open on this client, which is the caller's. Resolves with the chords that are
   * complete once that is committed. Rejects as `UnitOfWork.within`; with WorkerLostError where the delivery is not
   * ours any more: then this transaction cannot be committed.
   */
  write(client: object, completion: Completion): Promise<readonly CompleteChord[]>
  /** Without waiting for the transaction. */
  state(delivery: Delivery): Promise<CompletionState>
  /** The transaction is committed: the listeners of this process learn of these chords. */
  notify(chords: readonly CompleteChord[]): void
}

/** How many submissions, or messages of a write, make one atomic write. */
export const MAX_ATOMIC_SUBMISSIONS = 1000

/**
 * The operations of broker and backend together. On a shared store each call is one atomic, fenced write; on separate
 * stores the order of the writes ensures that a crash repeats work and never loses it.
 */
export interface UnitOfWork {
  /** Broker and backend are one store: each call is one atomic write. */
  readonly atomic: boolean
  /**
   * Resolves true when it was sent; false when `once` found the id known, or `note` its key with another value than it
   * expects: then nothing was written. On separate stores the note is written last: after a crash before it the same
   * call can be sent again, and never seems to have been sent. Other processes that submit with a note of that key wait
   * meanwhile, at most 30 s.
   */
  submit(submission: Submission): Promise<boolean>
  /**
   * Throws for a message that can never be sent from here, by its route or its properties: NotSupportedError,
   * ArgumentError. `settle` may still reject with a problem that this did not find. Absent where anything can be sent.
   */
  check?(message: Message): void
  /**
   * Submit many. Each 1000 of them, in order, are one atomic write: all of them are stored or none. Absent where the
   * store cannot do that: then each is submitted by itself.
   */
  submitMany?(submissions: readonly Submission[]): Promise<boolean[]>
  /**
   * Submit the members of groups, and open the chords whose headers they are. All or none can be taken by workers, also
   * where the sender dies meanwhile; on separate stores (`atomic` is false) a part of them may have been sent. Absent
   * where the backend keeps no chords: then only members of groups without a body can be sent, each by `submit`.
   *
   * `adds`: they are the first tasks of a further member of a chord that is open, which is counted in the same write.
   * Nothing is written unless this resolves to `new`, as it does without a member.
   */
  submitGroup?(submissions: readonly Submission[], opens: readonly OpenChord[], adds?: AddedMember): Promise<Adding>
  /**
   * A unit of work that submits in the transaction that is open on this client, which is the caller's: it neither
   * commits nor undoes it. Its other operations are those of this one. Rejects with ArgumentError for another kind of
   * client, one that has no open transaction, and one of another database. Absent where the store has no transactions
   * of others.
   */
  within?(client: object): Promise<UnitOfWork>
  /** Absent where the store has no transactions of others. */
  readonly completions?: Completions
  /** Notes as they are in the transaction in which this submits. Absent: those of the backend. */
  readonly notes?: Pick<NoteStore, 'get' | 'put'>
  /**
   * Defines limits in the transaction in which this submits, where another connection would wait for its end. Absent:
   * the broker does it.
   */
  readonly limits?: Pick<LimitStore, 'define'>
  /**
   * Resolves true when it took effect; false when the delivery was no longer ours: then nothing was written if the
   * store is shared.
   */
  settle(settlement: Settlement): Promise<boolean>
  /**
   * Write without a delivery: an intermediate state, or the end of a task whose message was acknowledged before, or was
   * taken out of its queue. Resolves as `ResultBackend.store` for `meta`; true without one.
   */
  write(writing: Writing): Promise<boolean>
  /**
   * Change a job while its message waits, as `Broker.change`, and its record and its kept input with it. On separate
   * stores the message is first: if this process dies before the record, that says how it was before. Absent where the
   * broker changes no messages.
   */
  change?(id: string, queue: string, change: JobChange): Promise<boolean>
  /**
   * Send dead letters again: each message is sent, its record is written and its dead letter is dropped. Resolves with
   * false for each that was not there in its version: it is not sent. On separate stores the dead letter is dropped
   * last: after a crash before that it can be sent once more, half a minute later. Absent where the backend keeps no
   * dead letters.
   */
  redrive?(letters: readonly Redriven[]): Promise<boolean[]>
  /**
   * Keep what a run emits, as `EventLog.append`. On a shared store only while the delivery is ours, checked in the same
   * write: what a run emits after another worker took its message is not kept. Without a delivery (it was acknowledged
   * early) no other worker can have taken it.
   */
  emit(output: Output, delivery: Delivery | undefined): Promise<boolean>
}
