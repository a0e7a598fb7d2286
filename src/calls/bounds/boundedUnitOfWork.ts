import type { ResultBackend } from '../../backend/backend.ts'
import type { AddedMember, Adding, OpenChord } from '../../backend/chords.ts'
import type { Output } from '../../backend/eventLog.ts'
import { needsOf, type Settlement, type Submission, type UnitOfWork, type Writing } from '../../backend/unitOfWork.ts'
import type { Broker, Delivery } from '../../broker/broker.ts'
import type { QueueBounds } from '../../config/queueOptions.ts'
import { QueueFullError } from '../../std/errors.ts'
import type { FullQueueLog } from './fullQueueLog.ts'
import type { OldestJobs } from './oldestJobs.ts'
import type { RoomCheck } from './roomCheck.ts'

/**
 * After how many times twice as many of the oldest jobs are dropped for one submission as before: other processes send
 * to the queue, too, and what workers send is always taken.
 */
const MAX_EXACT_DROPS = 3
/** How often there may be no job to drop: what waits is no job, or workers take it all the time. */
const MAX_FRUITLESS_DROPS = 10
/** So much of a full queue is dropped at least, so that a long one is not counted for each submission. */
const DROPPED_SHARE = 0.001

type Write<Value> = (submissions: readonly Submission[]) => Promise<Value>

/** What bounds the queues of an app. */
export interface BoundsParts {
  readonly broker: Pick<Broker, 'size'>
  readonly backend: Pick<ResultBackend, 'load' | 'notes'>
  readonly boundOf: QueueBounds
  /** ms since the epoch */
  now(): number
  readonly log: FullQueueLog
  /** Where the store does not count in its transactions. */
  readonly room: RoomCheck | undefined
  /** Undefined where none can be dropped from here. */
  readonly oldest: OldestJobs | undefined
}

/**
 * Submits to queues that are bounded. Submissions alone are bounded: what workers send (retries, the rest of
 * workflows, members that a task adds to its chord), and dead letters that are sent again, has been accepted before,
 * and must not be lost.
 */
export class BoundedUnitOfWork implements UnitOfWork {
  readonly atomic: boolean
  readonly submitMany?: UnitOfWork['submitMany']
  readonly submitGroup?: UnitOfWork['submitGroup']
  readonly check?: UnitOfWork['check']
  readonly within?: UnitOfWork['within']
  readonly notes?: UnitOfWork['notes']
  readonly limits?: UnitOfWork['limits']
  readonly change?: UnitOfWork['change']
  readonly completions?: UnitOfWork['completions']
  readonly redrive?: UnitOfWork['redrive']
  readonly #inner: UnitOfWork
  readonly #parts: BoundsParts

  constructor(inner: UnitOfWork, parts: BoundsParts) {
    this.#inner = inner
    this.#parts = parts
    this.atomic = inner.atomic
    const { submitMany, submitGroup, check, within, change, notes, limits, completions, redrive } = inner
    if (submitMany) this.submitMany = (all) => this.#send(all, (some) => submitMany.call(inner, some))
    else if (!inner.atomic)
      this.submitMany = (all) => this.#send(all, (some) => Promise.all(some.map((one) => inner.submit(one))))
    if (submitGroup) this.submitGroup = (...given) => this.#submitGroup(submitGroup.bind(inner), ...given)
    if (check) this.check = check.bind(inner)
    if (change) this.change = change.bind(inner)
    if (notes) this.notes = notes
    if (limits) this.limits = limits
    if (completions) this.completions = completions
    if (redrive) this.redrive = redrive.bind(inner)
    if (within)
      this.within = async (client) =>
        // Another connection would wait for the end of the caller's transaction.
        new BoundedUnitOfWork(await within.call(inner, client), { ...parts, oldest: undefined })
  }

  /** Without a promise more than it takes, where there is room: every call pays for them. */
  submit(submission: Submission): Promise<boolean> {
    const bounded = this.#bounded(submission, false)
    if (bounded === submission) return this.#inner.submit(submission)
    if (this.#parts.room) return this.#submitFull(submission)
    return this.#inner.submit(bounded).catch((error: unknown) => {
      if (error instanceof QueueFullError) return this.#submitFull(submission, error)
      throw error
    })
  }

  /** A call that was sent before needs no room. */
  #submitFull(submission: Submission, full?: QueueFullError): Promise<boolean> {
    const isConditional = submission.once === true || submission.note !== undefined
    const repeated = async (): Promise<false | undefined> => ((await this.#isRepeated(submission)) ? false : undefined)
    return this.#send([submission], ([one]) => this.#inner.submit(one as Submission), {
      repeated: isConditional ? repeated : undefined,
      full,
    })
  }

  async #isRepeated({ once, note, meta }: Submission): Promise<boolean> {
    const { backend } = this.#parts
    const notes = this.#inner.notes ?? backend.notes
    if (note && (await notes?.get(note.key)) !== note.expected) return true
    return once === true && meta !== undefined && (await backend.load([meta.task_id]))[0] !== undefined
  }

  #submitGroup(
    send: NonNullable<UnitOfWork['submitGroup']>,
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    return adds ? send(submissions, opens, adds) : this.#send(submissions, (some) => send(some, opens))
  }

  /** `full`: the error of a first attempt; `repeated`: the answer where it was sent before, else undefined. */
  async #send<Value>(
    submissions: readonly Submission[],
    write: Write<Value>,
    {
      repeated,
      full,
    }: { repeated?: (() => Promise<Value | undefined>) | undefined; full?: QueueFullError | undefined } = {},
  ): Promise<Value> {
    for (let [drops, fruitless] = [0, 0]; ; drops++) {
      const sent = (drops === 0 ? full : undefined) ?? (await this.#attempt(submissions, write, drops > 0))
      if (!(sent instanceof QueueFullError)) return sent.value
      const before = await repeated?.()
      if (before !== undefined) return before
      fruitless = (await this.#drop(sent, submissions.length, drops, fruitless)) === 0 ? fruitless + 1 : 0
    }
  }

  async #attempt<Value>(
    submissions: readonly Submission[],
    write: Write<Value>,
    countAgain: boolean,
  ): Promise<{ readonly value: Value } | QueueFullError> {
    const { room } = this.#parts
    const bounded = submissions.map((submission) => this.#bounded(submission, countAgain))
    try {
      if (!room) return { value: await write(bounded) }
      return { value: await room.send(needsOf(bounded, room.bytesOf), () => write(submissions)) }
    } catch (error) {
      if (error instanceof QueueFullError) return error
      throw error
    }
  }

  /** Make room where the queue says so. Returns how many jobs were dropped; throws the error where none may be. */
  async #drop(full: QueueFullError, calls: number, drops: number, fruitless: number): Promise<number> {
    const { boundOf, oldest, log } = this.#parts
    const { queue } = full
    const drop = boundOf(queue)?.onFull === 'drop-oldest' && !full.neverFits ? oldest : undefined
    if (!drop || fruitless === MAX_FRUITLESS_DROPS) {
      log.refused(full, calls)
      throw full
    }
    const { wanted, most } = await this.#jobsFor(full)
    const least = Math.max(wanted, Math.floor(most * DROPPED_SHARE)) * 2 ** Math.max(0, drops - MAX_EXACT_DROPS)
    return drop.drop(queue, Math.min(most, least), (ended) => log.dropped(full, ended))
  }

  /** How many jobs make so much room, and how many there are at most. Those of a queue are taken to be of one size. */
  async #jobsFor({ queue, option, limit, count }: QueueFullError): Promise<{ wanted: number; most: number }> {
    if (option === 'maxQueueLength') return { wanted: count, most: limit }
    const most = Math.max(1, await this.#parts.broker.size(queue))
    return { wanted: Math.ceil((most * count) / limit), most }
  }

  /** What is due later waits in no queue yet. */
  #bounded(submission: Submission, countAgain: boolean): Submission {
    const { message } = submission
    if (message?.route.exchange !== '') return submission
    if (message.notBefore !== undefined && message.notBefore > this.#parts.now()) return submission
    const maxWaiting = this.#parts.boundOf(message.route.routingKey)
    return maxWaiting === undefined ? submission : { ...submission, message: { ...message, maxWaiting, countAgain } }
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#inner.settle(settlement)
  }

  write(writing: Writing): Promise<boolean> {
    return this.#inner.write(writing)
  }

  emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#inner.emit(output, delivery)
  }
}
