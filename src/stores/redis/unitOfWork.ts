import type { AddedMember, Adding, ChordPart, OpenChord } from '../../backend/chords.ts'
import type { Output } from '../../backend/eventLog.ts'
import {
  isBounded,
  type JobChange,
  lastDue,
  type Message,
  messagesOf,
  type Redriven,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { writeInOrder } from '../sequentialUnitOfWork.ts'
import { ADD_MEMBER, STAGED } from './addedMember.ts'
import { ENDING, JOINING, MEMBER } from './arguments.ts'
import type { BoundedSubmitter } from './boundedSubmit.ts'
import type { RedisBroker } from './broker/broker.ts'
import { type Hold, RedisDelivery } from './broker/delivery.ts'
import { changeWaiting } from './change.ts'
import { Batch } from './connection/batch.ts'
import type { Arg } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import type { RedisBackend } from './results/backend.ts'
import type { RedisDeadLetters } from './results/deadLetters.ts'
import { SETTLE, SETTLE_CHORDS } from './settle.ts'
import { MAX_MESSAGES_PER_SCRIPT, NOTHING_STAGED, type Staged, Staging } from './staging.ts'
import { isTimed, messageArgs, type Recorder, RedisSubmitter, recordArgs } from './submit.ts'

/** One settlement, or a write without a delivery, as its script takes it. */
interface Item {
  readonly hold?: Hold
  readonly args: readonly Arg[]
}

/**
 * Broker and backend on one Redis: message and record, result and acknowledgement, are one script each; those of one
 * turn of the event loop are one call.
 */
export class RedisUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly #broker: RedisBroker
  readonly #backend: RedisBackend
  readonly #record: Recorder
  readonly #submitter: RedisSubmitter
  readonly #staging: Staging
  #boundedSubmitter: Promise<BoundedSubmitter> | undefined
  readonly #settlements: Batch<Item, boolean>
  /** Those that have to do with chords. */
  readonly #joining: Batch<Item, boolean>
  /** Groups whose callbacks are in what waits there: one of each is enough, and each is as long as a message. */
  #called = new Set<string>()
  /** Loaded before the first dead letter is written. */
  #dead: RedisDeadLetters | undefined
  /** Group of the last part in it. */
  #lastGroup: string | undefined

  constructor(broker: RedisBroker, backend: RedisBackend) {
    this.#broker = broker
    this.#backend = backend
    this.#record = (meta) => backend.record(meta)
    this.#submitter = new RedisSubmitter(broker, this.#record, backend.notes, backend.index)
    this.#staging = new Staging(broker, backend, this.#submitter)
    this.#settlements = new Batch((items) => this.#settle(items))
    this.#joining = new Batch((items) => this.#join(items))
  }

  submit(submission: Submission): Promise<boolean> {
    return submission.message?.maxWaiting === undefined
      ? this.#submitter.submit(submission)
      : this.#bounded().then((bounded) => bounded.submit(submission))
  }

  submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    return isBounded(submissions)
      ? this.#bounded().then((bounded) => bounded.submitMany(submissions))
      : this.#submitter.submitMany(submissions)
  }

  /** Loaded by the first submission to a queue that is bounded. */
  #bounded(): Promise<BoundedSubmitter> {
    this.#boundedSubmitter ??= import('./boundedSubmit.ts').then(
      (loaded) => new loaded.BoundedSubmitter(this.#broker, this.#submitter),
    )
    return this.#boundedSubmitter
  }

  async submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    const messages = messagesOf(submissions)
    const opening = this.#openArgs(opens, messages)
    if (adds) return this.#addMember(adds, submissions, opening)
    if (isBounded(submissions)) {
      const bounded = await this.#bounded()
      if (submissions.length <= MAX_MESSAGES_PER_SCRIPT) {
        await bounded.submitMany(submissions, opening)
        return 'new'
      }
      // The script that sends them moves whole lists: another process may have sent to the queue between the two.
      await bounded.requireRoom(submissions)
    }
    if (submissions.length <= MAX_MESSAGES_PER_SCRIPT) {
      await this.#submitter.submitTogether(submissions, opening)
      return 'new'
    }
    const staged = await this.#staging.stage(submissions)
    await this.#joining.add(this.#joiningItem({ opens }, 'write', { staged, opening }))
    await this.#staging.move(staged)
    return 'new'
  }

  async #addMember(member: AddedMember, submissions: readonly Submission[], opening: readonly Arg[]): Promise<Adding> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const { chords } = this.#backend
    const isStaged = submissions.length > MAX_MESSAGES_PER_SCRIPT
    const staged = isStaged ? await this.#staging.stage(submissions) : NOTHING_STAGED
    const delay = this.#delayOf(messagesOf(submissions))
    const args: Arg[] = [keys.prefix, visibility, ...chords.facts(), ...chords.addedArgs(member, delay)]
    args.push(...STAGED.of({ staged: staged.name, staged_count: staged.count }))
    args.push(...this.#submitter.packedArgs(isStaged ? [] : submissions, isTimed, opening))
    this.#submitter.flush()
    const adding = (await connection.script(ADD_MEMBER, heldKeys, args)) as Adding
    await (adding === 'new' ? this.#staging.move(staged) : this.#staging.drop(staged))
    return adding
  }

  settle(settlement: Settlement): Promise<boolean> {
    if (!this.#dead && settlement.publish?.some(({ dead }) => dead))
      return this.#withDead(() => this.settle(settlement))
    if (!settlement.metadata) return this.#settleOne(settlement)
    return this.#keepOwners(settlement).then(() => this.#settleOne(settlement))
  }

  #settleOne(settlement: Settlement): Promise<boolean> {
    const { delivery, publish = [], end } = settlement
    const own = RedisDelivery.of(delivery)
    const { hold } = own
    const ending = end === 'requeue' ? 'requeue' : 'ack'
    if (publish.length > MAX_MESSAGES_PER_SCRIPT) {
      return own.ending(end, () => this.#writeStaged(settlement, ending, hold))
    }
    if (!hasChords(settlement)) {
      const args = [...this.#endingArgs(settlement, ending), ...this.#bodyArgs(settlement)]
      return own.ending(end, () => this.#settlements.add({ hold, args }))
    }
    const item = this.#joiningItem(settlement, ending, { hold })
    return own.ending(end, () => this.#joining.add(item))
  }

  async #withDead<Value>(write: () => Promise<Value>): Promise<Value> {
    this.#dead = await this.#backend.deadLetters()
    return write()
  }

  async redrive(letters: readonly Redriven[]): Promise<boolean[]> {
    return (await this.#backend.deadLetters()).redrive(letters, this.#broker)
  }

  /**
   * Without chords no message is held that could fence the write, and a crash in between is one of the caller: writing
   * in order is enough.
   */
  async write(writing: Writing): Promise<boolean> {
    const { publish = [], metadata } = writing
    if (!this.#dead && publish.some(({ dead }) => dead)) return this.#withDead(() => this.write(writing))
    if (metadata) await this.#keepOwners(writing)
    if (!hasChords(writing)) return writeInOrder(writing, this.#broker, this.#backend)
    if (publish.length > MAX_MESSAGES_PER_SCRIPT) return this.#writeStaged(writing, 'write')
    return this.#joining.add(this.#joiningItem(writing, 'write'))
  }

  change(id: string, queue: string, change: JobChange): Promise<boolean> {
    return changeWaiting(this.#broker, id, queue, async (found) => {
      const stored = await this.#backend.stored(id)
      const { record, ...message } = change(found, stored?.meta)
      return { message, record: stored && this.#backend.changed(stored, record) }
    })
  }

  async emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#backend.append(output, delivery && RedisDelivery.of(delivery).hold.tag)
  }

  /**
   * PENDING records of tasks that have metadata, before the write that sends them: the ids are the same if it is
   * repeated after a crash.
   */
  async #keepOwners({ also = [], metadata }: Writing): Promise<void> {
    const owned = also.flatMap((meta) => {
      const own = metadata?.get(meta.task_id)
      return own ? [{ meta, metadata: own }] : []
    })
    await this.submitMany(owned)
  }

  /** With more messages than one script should send. */
  async #writeStaged(writing: Writing, ending: Ending, hold?: Hold): Promise<boolean> {
    const { publish = [] } = writing
    const opens = this.#openArgs(writing.opens, publish)
    const dead = publish.filter((message) => message.dead)
    const staged = await this.#staging.stageMessages(publish.filter((message) => !message.dead))
    const item = this.#joiningItem({ ...writing, publish: dead }, ending, { hold, staged, opening: opens })
    const done = await this.#joining.add(item)
    if (done) await this.#staging.move(staged)
    else await this.#staging.drop(staged)
    return done
  }

  /** To be added to the batch at once. */
  #joiningItem(writing: Writing, ending: Ending, { hold, staged = NOTHING_STAGED, opening }: JoiningFacts = {}): Item {
    const { parts = [], opens = [], closes = '', publish } = writing
    const { name, count } = staged
    if (ending === 'ack' && name === '' && isMember(writing, this.#lastGroup)) {
      return { hold, args: this.#memberArgs(writing.meta, parts[0] as ChordPart) }
    }
    const args = this.#endingArgs(writing, ending)
    const counts = { parts: parts.length, opens: opens.length, closes, staged: name, staged_count: count }
    args.push(...JOINING.of(counts), ...this.#bodyArgs(writing))
    for (const part of parts) args.push(...this.#backend.chords.partArgs(part, this.#called))
    args.push(...(opening ?? this.#openArgs(opens, publish)))
    for (const { group } of parts) this.#called.add(group)
    this.#lastGroup = parts.at(-1)?.group ?? this.#lastGroup
    return { hold, args }
  }

  #memberArgs(meta: TaskMeta | undefined, part: ChordPart): Arg[] {
    return [
      ...MEMBER.of({ ending: 'member', ...this.#backend.chords.entryArgs(part) }),
      ...recordArgs(this.#record, meta),
    ]
  }

  #endingArgs({ also = [], publish = [] }: Writing, ending: Ending): Arg[] {
    return ENDING.of({ ending, others: also.length, messages: publish.length })
  }

  #bodyArgs({ meta, also = [], publish = [] }: Writing): Arg[] {
    const args = [...recordArgs(this.#record, meta)]
    for (const one of also) args.push(...recordArgs(this.#record, one))
    for (const message of publish)
      args.push(
        ...(message.dead && this.#dead
          ? this.#dead.messageArgs(message.dead)
          : messageArgs(this.#broker, message, false)),
      )
    return args
  }

  /** A chord is kept for as long as its members wait, and after that as long as records that are not final. */
  #openArgs(opens: readonly OpenChord[] = [], messages: readonly Message[] = []): Arg[] {
    if (opens.length === 0) return []
    const delay = this.#delayOf(messages)
    return opens.flatMap((open) => this.#backend.chords.openArgs(open, delay))
  }

  /** How long from now until the last of them is due, ms. */
  #delayOf(messages: readonly Message[]): number {
    return Math.max(0, lastDue(messages) - this.#backend.chords.now)
  }

  async #settle(items: readonly Item[]): Promise<(boolean | Error)[]> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const args: Arg[] = [keys.prefix, visibility, items.length]
    for (const { hold } of items) args.push(hold?.tag ?? '')
    for (const item of items) args.push(...item.args)
    return this.#settled(items, readAnswers(await connection.script(SETTLE, heldKeys, args), connection.url))
  }

  async #join(items: readonly Item[]): Promise<(boolean | Error)[]> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    const args: Arg[] = [keys.prefix, visibility, items.length]
    this.#called = new Set()
    this.#lastGroup = undefined
    for (const { hold } of items) args.push(hold?.tag ?? '')
    args.push(...this.#backend.chords.facts())
    for (const item of items) args.push(...item.args)
    const answer = (await connection.script(SETTLE_CHORDS, heldKeys, args)) as (number | string)[]
    const answers = readAnswers(answer.slice(0, items.length), connection.url)
    this.#backend.chords.joined(answer.slice(items.length) as string[])
    return this.#settled(items, answers)
  }

  #settled(items: readonly Item[], answers: (boolean | Error)[]): (boolean | Error)[] {
    this.#broker.forget(items.flatMap(({ hold }, at) => (hold && !(answers[at] instanceof Error) ? [hold] : [])))
    return answers
  }
}

type Ending = 'ack' | 'requeue' | 'write'

interface JoiningFacts {
  readonly hold?: Hold
  /** Messages that it releases. */
  readonly staged?: Staged
  /** OPEN of its chords, where their messages are not in it. */
  readonly opening?: readonly Arg[]
}

/** The end of one member of the header that had the last part, and nothing else. */
function isMember({ also, publish, parts, opens, closes }: Writing, lastGroup: string | undefined): boolean {
  const [part] = parts ?? []
  const more = (also?.length ?? 0) + (publish?.length ?? 0) + (opens?.length ?? 0)
  if (part === undefined || part.group !== lastGroup || part.ends) return false
  return parts?.length === 1 && more === 0 && closes === undefined
}

/** Most settlements have none, and pay nothing for those that have. */
function hasChords({ parts, opens, closes }: Writing): boolean {
  return closes !== undefined || (parts?.length ?? 0) + (opens?.length ?? 0) > 0
}
