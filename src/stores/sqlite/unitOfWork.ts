import type { AddedMember, Adding, CompleteChord, OpenChord } from '../../backend/chords.ts'
import type { Output } from '../../backend/eventLog.ts'
import {
  type Completions,
  isBounded,
  type JobChange,
  lastDue,
  MAX_ATOMIC_SUBMISSIONS,
  type Message,
  messagesOf,
  needsOf,
  type Redriven,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import { calledTask } from '../../protocol/envelope.ts'
import { packedBytes } from '../../protocol/packedMessage.ts'
import { PENDING } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import { QueueFullError } from '../../std/errors.ts'
import type { SqliteBroker } from './broker/broker.ts'
import { SqliteDelivery } from './broker/delivery.ts'
import type { QueueRoom } from './broker/queueRoom.ts'
import type { SqliteBackend } from './results/backend.ts'
import type { SqliteDeadLetters } from './results/deadLetters.ts'
import { Staging } from './staging.ts'
import type { KnownCallers, WithinUnitOfWork } from './within/unitOfWork.ts'

/** Broker and backend in one file: message and record, result and acknowledgement, are one transaction each. */
export class SqliteUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly #broker: SqliteBroker
  readonly #backend: SqliteBackend
  #prepared: Staging | undefined
  /** Loaded before the first dead letter is written. */
  #dead: SqliteDeadLetters | undefined
  readonly #callers: KnownCallers = new WeakMap()
  readonly completions: Completions = {
    prepare: async ({ delivery, end: _, ...writing }) => ({ hold: { ...SqliteDelivery.of(delivery).hold }, writing }),
    write: async (client, completion) => (await this.within(client)).complete(completion),
    state: async (delivery) => {
      const { stateOf } = await import('./within/unitOfWork.ts')
      const { file } = this.#broker
      return file.read(() => stateOf(file.db, SqliteDelivery.of(delivery).hold))
    },
    notify: (chords) => this.#backend.chords.notify(chords),
  }
  #room: QueueRoom | undefined

  constructor(broker: SqliteBroker, backend: SqliteBackend) {
    this.#broker = broker
    this.#backend = backend
    backend.chords.alsoSweep(() => this.#staging.resume())
  }

  submit(submission: Submission): Promise<boolean> {
    if (submission.message?.maxWaiting !== undefined) return this.#submitBounded(submission)
    return this.#broker.file.writer.write(() => this.#submit(submission))
  }

  async #submitBounded(submission: Submission): Promise<boolean> {
    const needs = needsOf([submission], packedBytes)
    const room = this.#room ?? (await this.#roomFor())
    // A transaction in which a work throws is repeated without it: a refusal is a value.
    const sent = await this.#broker.file.writer.write(() => room.problem(needs) ?? this.#submit(submission))
    if (sent instanceof QueueFullError) throw sent
    return sent
  }

  /** Where the room of queues is bounded, there is room for all of them, or none is sent. */
  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    const { writer } = this.#broker.file
    const sent: boolean[] = []
    const room = isBounded(submissions) ? await this.#roomFor() : undefined
    let needs = room ? needsOf(submissions, packedBytes) : []
    // One after the other: each is a transaction, between which others write.
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
      const wrote = await writer.write(() => room?.problem(needs) ?? some.map((submission) => this.#submit(submission)))
      if (wrote instanceof QueueFullError) throw wrote
      needs = []
      sent.push(...wrote)
    }
    return sent
  }

  /** Loaded by the first submission to a queue that is bounded. */
  async #roomFor(): Promise<QueueRoom> {
    const [{ QueueRoom }, { amountIn }] = await Promise.all([
      import('./broker/queueRoom.ts'),
      import('./broker/backlog.ts'),
    ])
    const { file } = this.#broker
    this.#room ??= new QueueRoom(file, (queue) => amountIn(file, queue))
    return this.#room
  }

  #submit(submission: Submission): boolean {
    return this.#backend.records.submit(submission, this.#broker.messages)
  }

  async submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    const { chords } = this.#backend
    const due = lastDue(messagesOf(submissions))
    const room = isBounded(submissions) ? await this.#roomFor() : undefined
    const needs = room ? needsOf(submissions, packedBytes) : []
    const send = async (release: () => void): Promise<Adding> => {
      const sent = await this.#broker.file.writer.write(() => {
        const adding = adds ? chords.adding(adds, due) : 'new'
        if (adding !== 'new') return adding
        const full = room?.problem(needs)
        if (full) return full
        release()
        chords.open(opens, due)
        return adding
      })
      if (sent instanceof QueueFullError) throw sent
      return sent
    }
    if (submissions.length > MAX_ATOMIC_SUBMISSIONS)
      return this.#sendStaged(submissions, (batch) => send(() => this.#staging.release(batch)))
    return send(() => {
      for (const submission of submissions) this.#submit(submission)
    })
  }

  async within(client: object): Promise<WithinUnitOfWork> {
    const { WithinUnitOfWork: Within } = await import('./within/unitOfWork.ts')
    return Within.of(client, this.#backend, this.#callers, this)
  }

  settle(settlement: Settlement): Promise<boolean> {
    const { delivery, meta, end, publish } = settlement
    if (!this.#dead && publish?.some(({ dead }) => dead)) return this.#withDead(() => this.settle(settlement))
    const { messages } = this.#broker
    const own = SqliteDelivery.of(delivery)
    return this.#inParts(settlement, (writing, batch) =>
      this.#joining((complete) =>
        own.settle(() => {
          const ours = end === 'requeue' ? messages.give(own.hold) : messages.ack(own.hold)
          if (!ours) return false
          if (meta) this.#backend.records.save(meta, true)
          this.#more(writing, batch, complete)
          return true
        }),
      ),
    )
  }

  write(given: Writing): Promise<boolean> {
    const { meta, closes, publish } = given
    if (!this.#dead && publish?.some(({ dead }) => dead)) return this.#withDead(() => this.write(given))
    return this.#inParts(given, (writing, batch) =>
      this.#joining((complete) =>
        this.#broker.file.writer.write(() => {
          if (closes !== undefined && !this.#backend.chords.close(closes)) return false
          this.#more(writing, batch, complete)
          return meta === undefined || this.#backend.records.save(meta, false)
        }),
      ),
    )
  }

  async #withDead<Value>(write: () => Promise<Value>): Promise<Value> {
    this.#dead = await this.#backend.deadLetters()
    return write()
  }

  async redrive(letters: readonly Redriven[]): Promise<boolean[]> {
    const dead = await this.#backend.deadLetters()
    return this.#broker.file.writer.write(() =>
      letters.map(({ id, version, message, meta }) => {
        if (!dead.take(id, version)) return false
        if (meta) this.#backend.records.reopen(meta)
        this.#publish(message)
        return true
      }),
    )
  }

  /** With many messages, these and their records are written before, and the transaction of the rest sends them. */
  #inParts(writing: Writing, write: (writing: Writing, batch?: number) => Promise<boolean>): Promise<boolean> {
    const { publish = [], also = [], metadata } = writing
    if (publish.length <= MAX_ATOMIC_SUBMISSIONS) return write(writing)
    const pending = new Map(also.filter(({ status }) => status === PENDING).map((meta) => [meta.task_id, meta]))
    const submissions = publish
      .filter(({ dead }) => !dead)
      .map((message): Submission => {
        const id = calledTask(message.envelope)
        const meta = id === undefined ? undefined : pending.get(id)
        return { message, meta, metadata: meta && metadata?.get(meta.task_id) }
      })
    const staged = new Set(submissions.map(({ meta }) => meta))
    const rest = { ...writing, also: also.filter((meta) => !staged.has(meta)) }
    return this.#sendStaged(submissions, (batch) => write(rest, batch))
  }

  /** `write` releases the batch, or writes nothing. */
  async #sendStaged<Value>(
    submissions: readonly Submission[],
    write: (batch: number) => Promise<Value>,
  ): Promise<Value> {
    const batch = await this.#staging.stage(submissions)
    try {
      return await write(batch)
    } finally {
      await this.#staging.finish(batch)
    }
  }

  /** With a batch, that has the messages, but for dead letters. */
  #more(writing: Writing, batch: number | undefined, complete: CompleteChord[]): void {
    const { publish = [], also = [], metadata, parts = [], opens = [] } = writing
    for (const other of also) this.#backend.records.save(other, false, metadata?.get(other.task_id))
    if (batch !== undefined) this.#staging.release(batch)
    for (const message of publish) if (batch === undefined || message.dead) this.#publish(message)
    if (opens.length > 0) this.#backend.chords.open(opens, lastDue(publish))
    if (parts.length > 0) complete.push(...this.#backend.chords.add(parts))
  }

  /** The listeners learn of the chords that a transaction completes after its commit. */
  async #joining(transaction: (complete: CompleteChord[]) => Promise<boolean>): Promise<boolean> {
    const complete: CompleteChord[] = []
    const answer = await transaction(complete)
    if (complete.length > 0) this.#backend.chords.notify(complete)
    return answer
  }

  async change(id: string, queue: string, change: JobChange): Promise<boolean> {
    const waiting = await this.#broker.waiting()
    return this.#broker.file.writer.write(() =>
      waiting.change(id, queue, (found) => {
        const { record, ...message } = change(found, this.#backend.recordOf(id))
        this.#backend.changeRecord(id, record)
        return message
      }),
    )
  }

  emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    const { file, messages } = this.#broker
    const hold = delivery && SqliteDelivery.of(delivery).hold
    return file.writer.write(() => (!hold || messages.holds(hold)) && this.#backend.log(output))
  }

  /** Most apps have no large groups. */
  get #staging(): Staging {
    this.#prepared ??= new Staging(this.#broker.file, this.#broker.messages, this.#backend)
    return this.#prepared
  }

  #publish({ envelope, route, notBefore, dead }: Message): void {
    if (dead && this.#dead) this.#dead.add([dead])
    else this.#broker.messages.publish(envelope, route, { notBefore })
  }
}
