import type { ResultBackend } from '../backend/backend.ts'
import type { AddedMember, Adding, ChordWrites, OpenChord } from '../backend/chords.ts'
import type { Output } from '../backend/eventLog.ts'
import {
  type ChangedJob,
  isSelfTimed,
  type JobChange,
  lastDue,
  MAX_ATOMIC_SUBMISSIONS,
  type Message,
  messagesOf,
  type Redriven,
  type Reply,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../backend/unitOfWork.ts'
import { HEADER_LIMIT_MS } from '../backend/unsentHeader.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import { faultOf } from '../broker/storeErrors.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import { type Clock, systemClock } from '../std/clock.ts'
import { NotSupportedError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import type { NotedSubmissions } from './notedSubmissions.ts'

/** How long another process leaves the body of a chord, or a dead letter, to the one that has begun to send it, ms. */
const CLAIM_LIFETIME_MS = 30_000

export interface SequentialOptions {
  /** Broker and backend are one store, in the memory of one process. Default: true. */
  readonly isOneStore?: boolean
  /** Default: the system's. */
  readonly clock?: Clock
}

/**
 * The unit of work of two stores. It writes records and what follows, then the acknowledgement: a crash between any two
 * writes runs the task again and loses nothing.
 */
export class SequentialUnitOfWork implements UnitOfWork {
  readonly atomic = false
  readonly #broker: Broker
  readonly #backend: ResultBackend
  readonly #clock: Clock
  readonly #isOneStore: boolean
  /** Loaded by the first submission with a note. */
  #noted: Promise<NotedSubmissions> | undefined
  /** By what another process knows which chords this one is closing. */
  readonly #name: string = uuid()
  /** Where the broker changes messages. */
  readonly change?: UnitOfWork['change']
  /** Where each worker can add parts to the backend's chords. The chord is opened first: no part can come before. */
  readonly submitGroup?: UnitOfWork['submitGroup']
  /** Where the backend keeps dead letters. */
  readonly redrive?: UnitOfWork['redrive']

  constructor(
    broker: Broker,
    backend: ResultBackend,
    { isOneStore = true, clock = systemClock }: SequentialOptions = {},
  ) {
    this.#broker = broker
    this.#backend = backend
    this.#clock = clock
    this.#isOneStore = isOneStore
    if (broker.change) this.change = (...job) => changeInOrder(broker, backend, ...job)
    if (backend.deadLetters) this.redrive = (letters) => redriveInOrder(letters, broker, backend, clock)
    const { chords } = backend
    if (chords && (chords.shared || isOneStore))
      this.submitGroup = async (submissions, opens, adds) => {
        if (adds) return this.#addMember(adds, submissions, opens, chords.writes)
        await this.#submitGroup(submissions, opens, chords.writes)
        return 'new'
      }
  }

  /**
   * It is counted first: a part that comes before it would be that of another member. If this process dies in between,
   * the same task adds it again, or its part fails after `HEADER_LIMIT_MS`.
   */
  async #addMember(
    member: AddedMember,
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    chords: ChordWrites,
  ): Promise<Adding> {
    const messages = messagesOf(submissions)
    for (const message of messages) this.check(message)
    const adding = await chords.adding(member, this.#clock.now() + HEADER_LIMIT_MS, lastDue(messages))
    if (adding !== 'new') return adding
    try {
      await this.#submitGroup(submissions, opens, chords)
    } catch (error) {
      // The caller gets the first error. If this is not written, the part fails later.
      await chords.adding(member, this.#clock.now()).catch(() => undefined)
      throw error
    }
    await chords.adding(member, undefined)
    return adding
  }

  /**
   * If this process dies in between, the chord fails after `HEADER_LIMIT_MS`; if a message is refused, as soon as a
   * worker sees that.
   */
  async #submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    chords: ChordWrites,
  ): Promise<void> {
    const groups = opens.map(({ group }) => group)
    const sending = async (until: number | undefined): Promise<void> => {
      if (groups.length > 0) await chords.sending(groups, until)
    }
    if (groups.length > 0) await chords.open(opens, lastDue(messagesOf(submissions)))
    try {
      for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
        await sending(this.#clock.now() + HEADER_LIMIT_MS)
        await Promise.all(some.map((submission) => this.submit(submission)))
      }
    } catch (error) {
      // The caller gets the first error. If this is not written, the chord fails later.
      await sending(this.#clock.now()).catch(() => undefined)
      throw error
    }
    await sending(undefined)
  }

  async submit(submission: Submission): Promise<boolean> {
    const { note } = submission
    if (!note) return this.#send(submission)
    const { notes, url } = this.#backend
    if (!notes) throw new NotSupportedError(`submit: ${url} keeps no notes`)
    const facts = { notes, clock: this.#clock, isShared: !this.#isOneStore }
    this.#noted ??= import('./notedSubmissions.ts').then((noted) => new noted.NotedSubmissions())
    return (await this.#noted).submit(note, facts, () => this.#send(submission))
  }

  async #send({ message, meta, once, metadata }: Submission): Promise<boolean> {
    // The record first: an id that its caller holds must never be unknown while its task runs.
    const fresh = meta !== undefined && (await this.#backend.store(meta, undefined, metadata))
    if (meta && once && !fresh) return false
    if (!message) return true
    try {
      await publishTo(this.#broker, message, isSelfTimed(message))
    } catch (error) {
      if (meta && fresh && isFinalRefusal(error)) await this.#backend.forget([meta.task_id]).catch(() => undefined)
      throw error
    }
    return true
  }

  check({ envelope, route }: Message): void {
    this.#broker.check?.(envelope, route)
  }

  async settle(settlement: Settlement): Promise<boolean> {
    const { delivery, end } = settlement
    // The reply also notifies a waiting caller of a task that a worker refuses, or another process takes out of the
    // queue.
    await this.write({ ...settlement, reply: settlement.reply ?? replyOf(delivery) })
    return end === 'ack' ? delivery.ack() : delivery.reject({ requeue: end === 'requeue' })
  }

  /**
   * A chord is opened before its members are sent. What follows from the end of a member is sent before its record and
   * its part are written, which are one write; what ends a chord, before it is closed. A crash repeats all of it, with
   * the same ids.
   */
  async write(given: Writing): Promise<boolean> {
    const chords = this.#backend.chords?.writes
    const isPlain = (given.parts?.length ?? 0) + (given.opens?.length ?? 0) === 0 && given.closes === undefined
    if (!chords || isPlain) return writeInOrder(given, this.#broker, this.#backend)
    const writing = await buried(given, this.#backend)
    const { meta, parts = [], opens = [], also = [], metadata, publish = [], closes } = writing
    if (closes !== undefined && !(await this.#claim(closes, chords))) return false
    if (opens.length > 0) await chords.open(opens, lastDue(publish))
    const ended = also.filter(({ status }) => isFinal(status))
    const sent = also.filter(({ status }) => !isFinal(status))
    await Promise.all(sent.map((one) => this.#backend.store(one, undefined, metadata?.get(one.task_id))))
    await Promise.all(publish.map((message) => publishTo(this.#broker, message)))
    // Last: a worker that finds the record of a failed body concludes that its errbacks were sent.
    const isEnd = meta !== undefined || ended.length + parts.length > 0
    const written = !isEnd || (await chords.end({ meta, also: ended, parts }))
    if (closes !== undefined) await chords.close(closes)
    return written
  }

  /**
   * True where the chord is open, and no other process has begun to close it within the last seconds: two would send
   * its body twice.
   */
  async #claim(group: string, chords: ChordWrites): Promise<boolean> {
    const { notes } = this.#backend
    if (!(await chords.isOpen(group))) return false
    if (!notes) return true
    const note = { key: `chord ${group}`, value: this.#name, expires: this.#clock.now() + CLAIM_LIFETIME_MS }
    if (!(await notes.putIfAbsent(note))) {
      if ((await notes.get(note.key)) !== this.#name) return false
      await notes.put(note)
    }
    // Another process may have closed it in between.
    return chords.isOpen(group)
  }

  async emit(output: Output): Promise<boolean> {
    return (await this.#backend.events?.append(output)) ?? false
  }
}

/**
 * `UnitOfWork.write`, one step after the other. A final record is written last: the broker may refuse what follows from
 * it, and a stored success could not be replaced by the failure that reports it. A retry's record is written first: it
 * must not replace that of the next run.
 */
export async function writeInOrder(given: Writing, broker: Broker, backend: ResultBackend): Promise<boolean> {
  const { meta, reply, publish = [], also = [], metadata } = await buried(given, backend)
  if (meta && publish.length + also.length === 0) return backend.store(meta, reply)
  const last = meta !== undefined && isFinal(meta.status)
  const first = meta && !last ? await backend.store(meta, reply) : true
  const storeOther = (other: TaskMeta): Promise<boolean> => {
    const { task_id: correlationId } = other
    return backend.store(other, reply && { ...reply, correlationId }, metadata?.get(correlationId))
  }
  await Promise.all(also.map(storeOther))
  await Promise.all(publish.map((message) => publishTo(broker, message)))
  return meta && last ? backend.store(meta, reply) : first
}

/**
 * Keep the dead letters of a writing, before all else that it writes: a crash keeps them again. What is left to write;
 * where the backend keeps none, all of it.
 */
async function buried(writing: Writing, backend: ResultBackend): Promise<Writing> {
  const letters = writing.publish?.flatMap(({ dead }) => dead ?? []) ?? []
  const store = letters.length > 0 ? await backend.deadLetters?.() : undefined
  if (!store) return writing
  await store.put(letters)
  return { ...writing, publish: writing.publish?.filter(({ dead }) => !dead) }
}

/**
 * The message before its dead letter is dropped: a crash in between sends it once more. Of several that send the same
 * at once, one does, where the backend keeps notes.
 */
async function redriveInOrder(
  letters: readonly Redriven[],
  broker: Broker,
  backend: ResultBackend,
  clock: Clock,
): Promise<boolean[]> {
  const store = await backend.deadLetters?.()
  const known = (await store?.load(letters.map(({ id }) => id))) ?? []
  const each = letters.map(async ({ id, version, message, meta }, at) => {
    const claim = { key: `redrive ${id} ${version}`, value: '', expires: clock.now() + CLAIM_LIFETIME_MS }
    if (known[at]?.version !== version || (await backend.notes?.putIfAbsent(claim)) === false) return false
    try {
      if (meta) await store?.reopen([meta])
      await publishTo(broker, message)
    } catch (error) {
      // The caller gets the first error, and may try again. If this is not written, it can half a minute later.
      await backend.notes?.put({ ...claim, expires: 0 }).catch(() => undefined)
      throw error
    }
    // It may have died again meanwhile: that is another one.
    await store?.remove(id, version)
    return true
  })
  return Promise.all(each)
}

/** The message first: it is what a worker takes. */
async function changeInOrder(
  broker: Broker,
  backend: ResultBackend,
  id: string,
  queue: string,
  change: JobChange,
): Promise<boolean> {
  const [known] = await backend.load([id])
  let record: ChangedJob['record'] | undefined
  const done = await broker.change?.(id, queue, (found) => {
    const { record: changes, ...message } = change(found, known)
    record = changes
    return message
  })
  if (done && record) await backend.change?.(id, record)
  return done === true
}

function publishTo(broker: Broker, { envelope, route, notBefore }: Message, selfTimed = false): Promise<void> {
  return broker.publish(envelope, route, notBefore === undefined ? undefined : { notBefore, selfTimed })
}

/**
 * The broker did not take the message and never will: its record would stay pending for ever, and its idempotency key
 * would seem used.
 */
function isFinalRefusal(error: unknown): boolean {
  const fault = faultOf(error)
  return fault === 'message' || fault === 'access'
}

function replyOf(delivery: Delivery): Reply | undefined {
  try {
    const { replyTo: to, correlationId } = delivery.envelope.properties
    return to && correlationId ? { to, correlationId } : undefined
  } catch {
    // An envelope of a damaged store: the code that settles it knows already that it cannot be read, and it must not be
    // held for ever.
    return undefined
  }
}
