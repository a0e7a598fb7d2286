import type { AddedMember, Adding, CompleteChord, OpenChord } from '../../../backend/chords.ts'
import type { Output } from '../../../backend/eventLog.ts'
import type { Note, NoteStore } from '../../../backend/notes.ts'
import {
  type Completion,
  isBounded,
  lastDue,
  MAX_ATOMIC_SUBMISSIONS,
  messagesOf,
  needsOf,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../../../backend/unitOfWork.ts'
import type { Delivery } from '../../../broker/broker.ts'
import { packedBytes } from '../../../protocol/packedMessage.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Clock } from '../../../std/clock.ts'
import { leaseLost, StoreUnavailableError } from '../../../std/errors.ts'
import type { Hold } from '../broker/delivery.ts'
import { returningStep } from '../broker/lanes.ts'
import { Messages } from '../broker/messages.ts'
import { notifySteps, type Payload } from '../broker/notices.ts'
import { addEndings } from '../broker/settler.ts'
import type { Database } from '../connection/database.ts'
import { Gather } from '../connection/gather.ts'
import type { Plan } from '../connection/plan.ts'
import { isRefusal, REQUIRED } from '../gate.ts'
import type { QueueRoom } from '../queueRoom.ts'
import type { PostgresBackend } from '../results/backend.ts'
import { getStep, putStep } from '../results/notes.ts'
import { Submissions } from '../submissions.ts'
import { Writings } from '../writings.ts'
import { ClientTransaction } from './clientTransaction.ts'

/** How often a plan is put together again whose condition another transaction has changed meanwhile. */
const MAX_ATTEMPTS = 6

/** Of which store the transaction is. */
export interface WithinParts {
  readonly database: Database
  readonly backend: PostgresBackend
  readonly clock: Clock
  /** Of the store: what it does beside submitting. */
  readonly rest: UnitOfWork
}

/** Submits in a transaction of the caller. */
export class WithinUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly notes: Pick<NoteStore, 'get' | 'put'> = {
    get: (key) => this.#get(key),
    put: (note) => this.#put(note),
  }
  readonly #transaction: ClientTransaction
  readonly #parts: WithinParts
  readonly #submissions: Submissions
  readonly #writings: Writings
  #room: QueueRoom | undefined
  readonly #submitting = new Gather((lists: readonly (readonly Submission[])[]) => this.#submitLists(lists), {
    most: MAX_ATOMIC_SUBMISSIONS,
    size: (list) => list.length,
  })

  private constructor(transaction: ClientTransaction, parts: WithinParts) {
    const { backend, database, clock } = parts
    this.#transaction = transaction
    this.#parts = parts
    // Each plan notifies: the server does it once, at the commit, and a savepoint that is undone takes that back.
    const notices = { steps: (queues: ReadonlyMap<string, Payload>) => notifySteps(database.schema, queues) }
    const messages = new Messages(clock, notices)
    this.#writings = new Writings(backend, messages)
    this.#submissions = new Submissions({
      records: backend.records,
      notes: backend.notes,
      messages,
      now: () => clock.now(),
    })
  }

  /** Rejects as `UnitOfWork.within`. */
  static async of(client: object, parts: WithinParts): Promise<WithinUnitOfWork> {
    return new WithinUnitOfWork(await ClientTransaction.of(client, parts.database), parts)
  }

  async submit(submission: Submission): Promise<boolean> {
    if (submission.message?.maxWaiting) await this.#requireRoom([submission])
    const [sent] = await this.#submitting.add([submission])
    return sent === true
  }

  /** Behind what was submitted before. */
  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    if (isBounded(submissions)) await this.#requireRoom(submissions)
    const sent = pieces(submissions, MAX_ATOMIC_SUBMISSIONS).map((some) => this.#submitting.add(some))
    return (await Promise.all(sent)).flat()
  }

  async submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    const { chords } = this.#parts.backend
    if (isBounded(submissions)) await this.#requireRoom(submissions)
    const due = lastDue(messagesOf(submissions))
    const add = (plan: Plan) => {
      if (adds) chords.rows.addAdding(plan, adds, due)
      if (adds) plan.add([REQUIRED])
      chords.rows.addOpens(plan, opens, due)
      for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) this.#submissions.add(plan, some)
      return (): Adding => 'new'
    }
    const adding = await this.#transaction.run(add, adds && 1)
    return adding ?? chords.rows.refusedAdding(adds as AddedMember)
  }

  /** As `Completions.write`. Without a savepoint: where it is refused, the server undoes the whole transaction. */
  async complete({ hold: named, writing }: Completion): Promise<readonly CompleteChord[]> {
    const hold = named as unknown as Hold
    const add = (plan: Plan): (() => readonly CompleteChord[]) => {
      addEndings(plan, [{ hold, kind: 'drop' }])
      plan.add([REQUIRED])
      const written = this.#writings.addQuietly(plan, [{ writing, settling: true }])
      if (hold.limited) plan.add([returningStep(this.#parts.clock.now())])
      return written
    }
    try {
      return (await this.#transaction.run(add)) ?? []
    } catch (error) {
      throw isRefusal(error) ? leaseLost() : error
    }
  }

  /** Without a lock, which would be held until the caller commits. Rejects with QueueFullError. */
  async #requireRoom(submissions: readonly Submission[]): Promise<void> {
    const { QueueRoom } = await import('../queueRoom.ts')
    this.#room ??= new QueueRoom()
    const room = this.#room
    const full = await this.#transaction.run((plan) => room.problem(plan, needsOf(submissions, packedBytes)))
    if (full) throw full
  }

  async #submitLists(lists: readonly (readonly Submission[])[]): Promise<boolean[][]> {
    const submissions = lists.flat()
    const isConditional = submissions.some(({ note, once }) => note || once)
    const add = (plan: Plan) => this.#submissions.add(plan, submissions)
    const sent = await this.#transaction.run(add, isConditional ? MAX_ATTEMPTS : undefined)
    if (sent) return lists.map((list) => sent.splice(0, list.length))
    const { url } = this.#parts.database
    throw new StoreUnavailableError(`${url}: other transactions have sent the same ${MAX_ATTEMPTS} times meanwhile`)
  }

  async #get(key: string): Promise<string | undefined> {
    const step = getStep(key, this.#parts.clock.now())
    return this.#transaction.run((plan) => {
      const answers = plan.add([step])
      return () => answers()[0]?.[0]?.[0] ?? undefined
    })
  }

  async #put(note: Note): Promise<void> {
    await this.#transaction.run((plan) => plan.add([putStep(note)]))
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#parts.rest.settle(settlement)
  }

  write(writing: Writing): Promise<boolean> {
    return this.#parts.rest.write(writing)
  }

  emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#parts.rest.emit(output, delivery)
  }
}
