import type { ResultBackend } from '../backend/backend.ts'
import type { Output } from '../backend/eventLog.ts'
import type { Note } from '../backend/notes.ts'
import {
  isSelfTimed,
  type Message,
  type Reply,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../backend/unitOfWork.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import { faultOf } from '../broker/storeErrors.ts'
import { isFinal } from '../protocol/states.ts'
import { NotSupportedError } from '../std/errors.ts'

/**
 * The unit of work of two stores. It writes records and what follows, then the acknowledgement: a crash between any two
 * writes runs the task again and loses nothing.
 */
export class SequentialUnitOfWork implements UnitOfWork {
  readonly atomic = false
  readonly #broker: Broker
  readonly #backend: ResultBackend
  /** Submissions with a note that are in progress, by its key: others of that key wait for their end. */
  readonly #claims = new Map<string, Promise<unknown>>()
  /** Where the backend writes chords by itself. The chord is opened first: no part can come before. */
  readonly submitGroup?: UnitOfWork['submitGroup']

  constructor(broker: Broker, backend: ResultBackend) {
    this.#broker = broker
    this.#backend = backend
    const chords = backend.chords?.writes
    if (chords) {
      this.submitGroup = async (submissions, opens) => {
        await chords.open(opens)
        await Promise.all(submissions.map((submission) => this.submit(submission)))
      }
    }
  }

  async submit(submission: Submission): Promise<boolean> {
    const { note } = submission
    if (!note) return this.#send(submission)
    for (let other = this.#claims.get(note.key); other; other = this.#claims.get(note.key)) await other
    const sending = this.#sendNoted(submission, note)
    // The caller of this submission gets its failure.
    this.#claims.set(
      note.key,
      sending.catch(() => undefined),
    )
    try {
      return await sending
    } finally {
      this.#claims.delete(note.key)
    }
  }

  async #sendNoted(submission: Submission, note: Note): Promise<boolean> {
    const { notes, url } = this.#backend
    if (!notes) throw new NotSupportedError(`submit: ${url} keeps no notes`)
    if ((await notes.get(note.key)) !== undefined || !(await this.#send(submission))) return false
    await notes.putIfAbsent(note)
    return true
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

  /** A part is added when the record is stored, and a chord is closed when its body is sent: a crash repeats. */
  async write(writing: Writing): Promise<boolean> {
    const { parts = [], opens = [], closes } = writing
    const chords = this.#backend.chords?.writes
    if (closes !== undefined && !(await chords?.isOpen(closes))) return false
    if (opens.length > 0) await chords?.open(opens)
    const written = await writeInOrder(writing, this.#broker, this.#backend)
    if (parts.length > 0) await chords?.add(parts)
    if (closes !== undefined) await chords?.close(closes)
    return written
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
export async function writeInOrder(
  { meta, reply, publish = [], also = [] }: Writing,
  broker: Broker,
  backend: ResultBackend,
): Promise<boolean> {
  if (meta && publish.length + also.length === 0) return backend.store(meta, reply)
  const last = meta !== undefined && isFinal(meta.status)
  const first = meta && !last ? await backend.store(meta, reply) : true
  await Promise.all(also.map((other) => backend.store(other, reply && { ...reply, correlationId: other.task_id })))
  await Promise.all(publish.map((message) => publishTo(broker, message)))
  return meta && last ? backend.store(meta, reply) : first
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
