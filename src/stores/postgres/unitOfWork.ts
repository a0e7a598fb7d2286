import type { AddedMember, Adding, OpenChord } from '../../backend/chords.ts'
import type { Output } from '../../backend/eventLog.ts'
import {
  type Completion,
  type Completions,
  isBounded,
  type JobChange,
  lastDue,
  MAX_ATOMIC_SUBMISSIONS,
  messagesOf,
  type Redriven,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import { pieces } from '../../std/chunks.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import type { BoundedSubmissions } from './boundedSubmissions.ts'
import type { PostgresBroker } from './broker/broker.ts'
import { PostgresDelivery } from './broker/delivery.ts'
import type { Ending } from './broker/settler.ts'
import type { Database } from './connection/database.ts'
import { Gather } from './connection/gather.ts'
import { Plan } from './connection/plan.ts'
import { isRefusal, opening, REQUIRED } from './gate.ts'
import type { PostgresBackend } from './results/backend.ts'
import { changeStep, lockedRecord, lockStep } from './results/change.ts'
import { Submissions } from './submissions.ts'
import type { WithinUnitOfWork } from './within/unitOfWork.ts'
import { Writings } from './writings.ts'

/** How often a transaction is put together again whose condition another one has changed meanwhile. */
const MAX_REFUSALS = 5

/** Transactions with submissions: while the server writes one, the next is put together. */
const MAX_SUBMITTING = 2

/** Opens the gate of the hold, where it is still ours. The claim stays locked. */
const HOLDS = {
  name: 'holds',
  text: `SELECT ${opening(`ARRAY(
    SELECT seq FROM celeriac.claim WHERE seq = $1 AND consumer = $2 AND fence = $3 FOR UPDATE)`)}`,
}

/** A transaction that is put together, and what reads its answers. */
interface Prepared<Value> {
  readonly plan: Plan
  readonly read: () => Value
}

/** Broker and backend in one schema: message and record, result and acknowledgement, are one transaction each. */
export class PostgresUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly #broker: PostgresBroker
  readonly #backend: PostgresBackend
  readonly #database: Database
  readonly #submissions: Submissions
  readonly #writings: Writings
  readonly #clock: Clock
  readonly #submitting = new Gather(
    (lists: readonly (readonly Submission[])[], since) => this.#submitLists(lists, since),
    {
      runs: MAX_SUBMITTING,
      most: MAX_ATOMIC_SUBMISSIONS,
      size: (list) => list.length,
    },
  )
  readonly #writing = new Gather((some: readonly Writing[], since) => this.#writeAll(some, since), {
    most: MAX_ATOMIC_SUBMISSIONS,
  })
  #bounded: Promise<BoundedSubmissions> | undefined
  /** The last of these transactions. */
  #submitted: Promise<unknown> = Promise.resolve()
  readonly completions: Completions = {
    prepare: (settlement) => this.#prepareCompletion(settlement),
    write: async (client, completion) => (await this.within(client)).complete(completion),
    state: async (delivery) => {
      const { completionState } = await import('./within/completionState.ts')
      return completionState(this.#database, PostgresDelivery.of(delivery).hold)
    },
    notify: (chords) => this.#backend.chords.notify(chords),
  }
  /** The last write under way of each record. */
  readonly #writes = new Map<string, Promise<unknown>>()

  constructor(broker: PostgresBroker, backend: PostgresBackend, clock: Clock = systemClock) {
    this.#broker = broker
    this.#backend = backend
    this.#clock = clock
    this.#database = broker.database
    const { records, notes } = backend
    this.#submissions = new Submissions({ records, notes, messages: broker.messages, now: () => clock.now() })
    this.#writings = new Writings(backend, broker.messages)
    broker.settler.writer = { add: (plan, endings) => this.#addSettlements(plan, endings) }
  }

  async submit(submission: Submission): Promise<boolean> {
    const [sent] = submission.message?.maxWaiting
      ? await (await this.#boundedSubmissions()).submit([submission])
      : await this.#submitting.add([submission])
    return sent === true
  }

  /** Behind what was submitted before. Where the room of queues is bounded, all of them or none, in one transaction. */
  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    if (isBounded(submissions)) return (await this.#boundedSubmissions()).submit(submissions)
    const sent = pieces(submissions, MAX_ATOMIC_SUBMISSIONS).map((some) => this.#submitting.add(some))
    return (await Promise.all(sent)).flat()
  }

  /** Loaded by the first submission to a queue that is bounded. */
  #boundedSubmissions(): Promise<BoundedSubmissions> {
    this.#bounded ??= import('./boundedSubmissions.ts').then(
      (loaded) => new loaded.BoundedSubmissions(this.#database, this.#submissions, this.#backend),
    )
    return this.#bounded
  }

  /** In their order: put together at once, and sent when the ones before are. */
  async #submitLists(lists: readonly (readonly Submission[])[], since: number): Promise<boolean[][]> {
    const submissions = lists.flat()
    const prepared = this.#prepared(submissions)
    const sending = this.#submitted.then(() => this.#submitAll(submissions, prepared, since))
    this.#submitted = sending.catch(() => undefined)
    const sent = await sending
    return lists.map((list) => sent.splice(0, list.length))
  }

  #prepared(submissions: readonly Submission[]): Prepared<boolean[]> {
    const plan = new Plan()
    return { plan, read: this.#submissions.add(plan, submissions) }
  }

  /** Another transaction may have sent the same meanwhile: put together again, it finds that. */
  async #submitAll(submissions: readonly Submission[], first: Prepared<boolean[]>, since: number): Promise<boolean[]> {
    for (let refusals = 0; ; refusals++) {
      const { plan, read } = refusals === 0 ? first : this.#prepared(submissions)
      try {
        if (!plan.isEmpty) await plan.run(this.#database, { since })
        return read()
      } catch (error) {
        if (!isRefusal(error) || refusals === MAX_REFUSALS) throw error
      }
    }
  }

  async submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    const { chords } = this.#backend
    if (!adds && isBounded(submissions)) {
      await (await this.#boundedSubmissions()).submitGroup(submissions, opens)
      return 'new'
    }
    const due = lastDue(messagesOf(submissions))
    const plan = new Plan()
    const adding = adds ? chords.rows.addAdding(plan, adds, due) : undefined
    if (adding) plan.add([REQUIRED])
    // In the order of a lock that all transactions take: chords, then records.
    chords.rows.addOpens(plan, opens, due)
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) this.#submissions.add(plan, some)
    try {
      await plan.run(this.#database)
      return 'new'
    } catch (error) {
      if (!adds || !isRefusal(error)) throw error
      return chords.rows.refusedAdding(adds)
    }
  }

  async within(client: object): Promise<WithinUnitOfWork> {
    const { WithinUnitOfWork: Within } = await import('./within/unitOfWork.ts')
    return Within.of(client, {
      ...{ database: this.#database, backend: this.#backend, clock: this.#clock },
      rest: this,
    })
  }

  settle(settlement: Settlement): Promise<boolean> {
    const { delivery, end, publish } = settlement
    if (!this.#writings.dead && publish?.some(({ dead }) => dead)) return this.#withDead(() => this.settle(settlement))
    const own = PostgresDelivery.of(delivery)
    own.free()
    const ending: Ending = { hold: own.hold, kind: end === 'requeue' ? 'requeue' : 'drop', settlement }
    const before = settlement.meta && this.#writes.get(settlement.meta.task_id)
    if (!before) return this.#broker.settler.end(ending)
    // In the order in which they were asked for.
    return before.then(() => this.#broker.settler.end(ending))
  }

  /** A write of its record would wait for the transaction of the caller, and all that share its own with it. */
  async #prepareCompletion({ delivery, end: _, ...writing }: Settlement): Promise<Completion> {
    if (writing.meta) await this.#writes.get(writing.meta.task_id)
    return { hold: { ...PostgresDelivery.of(delivery).hold }, writing }
  }

  /** What follows from settlements; their gates are open where the holds were ours. */
  #addSettlements(plan: Plan, endings: readonly (Ending & { readonly settlement: Settlement })[]): () => void {
    return this.#writings.add(
      plan,
      endings.map(({ settlement, hold }) => ({ writing: settlement, gate: hold.seq, settling: true })),
    )
  }

  async #withDead<Value>(write: () => Promise<Value>): Promise<Value> {
    this.#writings.dead = await this.#backend.deadLetters()
    return write()
  }

  async redrive(letters: readonly Redriven[]): Promise<boolean[]> {
    return (await this.#backend.deadLetters()).redrive(letters, this.#broker.messages)
  }

  write(writing: Writing): Promise<boolean> {
    if (!this.#writings.dead && writing.publish?.some(({ dead }) => dead))
      return this.#withDead(() => this.write(writing))
    if (writing.closes !== undefined) return this.#close(writing, writing.closes)
    const written = this.#writing.add(writing)
    if (writing.meta) this.#track(writing.meta.task_id, written)
    return written
  }

  #track(id: string, written: Promise<unknown>): void {
    const forget = (): void => {
      if (this.#writes.get(id) === ended) this.#writes.delete(id)
    }
    const ended = written.then(forget, forget)
    this.#writes.set(id, ended)
  }

  async #writeAll(writings: readonly Writing[], since: number): Promise<boolean[]> {
    const plan = new Plan()
    const saved: boolean[] = []
    const written = this.#writings.add(
      plan,
      writings.map((writing) => ({ writing })),
      saved,
    )
    if (!plan.isEmpty) await plan.run(this.#database, { since })
    written()
    return saved
  }

  /** Nothing is written where the chord is not open. */
  async #close(writing: Writing, group: string): Promise<boolean> {
    const plan = new Plan()
    const saved: boolean[] = []
    this.#backend.chords.rows.addClose(plan, group)
    plan.add([REQUIRED])
    const written = this.#writings.add(plan, [{ writing }], saved)
    try {
      await plan.run(this.#database)
    } catch (error) {
      if (isRefusal(error)) return false
      throw error
    }
    written()
    return saved[0] === true
  }

  change(id: string, queue: string, change: JobChange): Promise<boolean> {
    return this.#database.transaction((run) =>
      this.#broker.waiting.changeIn(run, id, queue, async (found) => {
        const [rows = []] = await run([lockStep(id)])
        const known = lockedRecord(rows)
        const { record, ...message } = change(found, known)
        const step = changeStep(this.#backend.records, known, record)
        if (step) await run([step, this.#backend.records.announcement([id])])
        return message
      }),
    )
  }

  async emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    if (!delivery) return this.#backend.events.append(output)
    const { seq, consumer, fence } = PostgresDelivery.of(delivery).hold
    const step = this.#backend.log.emitStep(output, seq)
    if (!step) return false
    const plan = new Plan()
    plan.add([{ statement: HOLDS, values: [seq, consumer, fence] }])
    const kept = plan.add([step])
    plan.add([this.#backend.records.announcement([output.id])])
    await plan.run(this.#database)
    return (kept()[0]?.length ?? 0) > 0
  }
}
