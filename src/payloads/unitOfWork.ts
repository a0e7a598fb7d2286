import type { AddedMember, Adding, ChordPart, OpenChord } from '../backend/chords.ts'
import type { Output } from '../backend/eventLog.ts'
import type {
  ChangedJob,
  Completions,
  JobChange,
  Message,
  OwnedTasks,
  Redriven,
  Settlement,
  Submission,
  SubmissionMetadata,
  UnitOfWork,
  Writing,
} from '../backend/unitOfWork.ts'
import type { Broker, Delivery, FoundMessage } from '../broker/broker.ts'
import { faultOf } from '../broker/storeErrors.ts'
import { isOffloaded, PAYLOAD_HEADER } from '../protocol/callHeaders.ts'
import { CODEC_HEADER } from '../protocol/envelope.ts'
import { edited } from '../protocol/messageEdit.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { SUCCESS } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import { QueueFullError } from '../std/errors.ts'
import { mayBeLongResult } from './encode.ts'
import { Offload, type OffloadParts, referring } from './offload.ts'
import { PayloadReader } from './payloadReader.ts'
import { inputOf, type PayloadReference, referenceOfMessage } from './reference.ts'

/** Payloads that are put at once. */
const MAX_AT_ONCE = 8

/** What the unit of work with payloads is made of. */
export interface PayloadWork extends OffloadParts {
  readonly broker: Pick<Broker, 'find'>
}

/**
 * A unit of work that puts large inputs and results into a payload store, before it writes what refers to them. If this
 * process dies in between, nothing refers to them, and the sweep removes them.
 */
export class PayloadUnitOfWork implements UnitOfWork {
  readonly atomic: boolean
  readonly notes?: NonNullable<UnitOfWork['notes']>
  readonly limits?: NonNullable<UnitOfWork['limits']>
  readonly check?: NonNullable<UnitOfWork['check']>
  readonly submitMany?: NonNullable<UnitOfWork['submitMany']>
  readonly submitGroup?: NonNullable<UnitOfWork['submitGroup']>
  readonly within?: NonNullable<UnitOfWork['within']>
  readonly change?: NonNullable<UnitOfWork['change']>
  readonly completions?: Completions
  readonly redrive?: NonNullable<UnitOfWork['redrive']>
  readonly #work: UnitOfWork
  readonly #parts: PayloadWork
  readonly #known: Map<string, PayloadReference>

  /** `known`: of this process. */
  constructor(work: UnitOfWork, parts: PayloadWork, known: Map<string, PayloadReference> = new Map()) {
    this.#work = work
    this.#parts = parts
    this.#known = known
    this.atomic = work.atomic
    if (work.notes) this.notes = work.notes
    if (work.limits) this.limits = work.limits
    if (work.check) this.check = (message) => work.check?.(this.#asSent(message))
    if (work.submitMany) this.submitMany = (submissions) => this.#submitMany(submissions)
    if (work.submitGroup) this.submitGroup = (submissions, opens, adds) => this.#submitGroup(submissions, opens, adds)
    if (work.change) this.change = (id, queue, change) => this.#change(id, queue, change)
    const { within, completions, redrive } = work
    if (completions) this.completions = this.#completions(completions)
    if (redrive) this.redrive = (letters) => this.#redrive(letters, redrive.bind(work))
    if (within)
      this.within = async (client) => new PayloadUnitOfWork(await within.call(work, client), this.#parts, this.#known)
  }

  submit(submission: Submission): Promise<boolean> {
    if (!this.#isLong(submission)) return this.#work.submit(submission)
    return this.#put(
      (offload) => submissionOf(submission, offload),
      (ready) => this.#work.submit(ready),
      (sent) => sent,
    )
  }

  #submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    const { submitMany } = this.#work
    const send = (ready: readonly Submission[]): Promise<boolean[]> =>
      submitMany?.call(this.#work, ready) ?? Promise.all(ready.map((one) => this.#work.submit(one)))
    if (!submissions.some((one) => this.#isLong(one))) return send(submissions)
    return this.#put(
      (offload) => inTurns(submissions, (one) => submissionOf(one, offload)),
      send,
      (sent) => sent.some((one) => one),
    )
  }

  #submitGroup(submissions: readonly Submission[], opens: readonly OpenChord[], adds?: AddedMember): Promise<Adding> {
    const { submitGroup } = this.#work
    const send = (ready: readonly Submission[]): Promise<Adding> =>
      (submitGroup as NonNullable<UnitOfWork['submitGroup']>).call(this.#work, ready, opens, adds)
    if (!submissions.some((one) => this.#isLong(one))) return send(submissions)
    return this.#put(
      (offload) => inTurns(submissions, (one) => submissionOf(one, offload)),
      send,
      (adding) => adding === 'new',
    )
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#putWriting(
      settlement,
      (ready) => this.#work.settle(ready),
      (done) => done,
    )
  }

  /** Prepared once, and then written or not: what was put for nothing is swept. */
  #completions(inner: Completions): Completions {
    return {
      prepare: (settlement) =>
        this.#putWriting(
          settlement,
          (ready) => inner.prepare(ready),
          () => true,
        ),
      write: (...given) => inner.write(...given),
      state: (delivery) => inner.state(delivery),
      notify: (chords) => inner.notify(chords),
    }
  }

  /** An input that was edited lies with its dead letter until now. */
  #redrive(letters: readonly Redriven[], redrive: NonNullable<UnitOfWork['redrive']>): Promise<boolean[]> {
    if (!letters.some(({ message }) => Offload.isLong(message.envelope.body, this.#parts.config)))
      return redrive(letters)
    return this.#put(
      (offload) => inTurns(letters, async (one) => ({ ...one, message: await offload.message(one.message) })),
      redrive,
      (sent) => sent.some((one) => one),
    )
  }

  write(writing: Writing): Promise<boolean> {
    return this.#putWriting(
      writing,
      (ready) => this.#work.write(ready),
      (done) => done,
    )
  }

  emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#work.emit(output, delivery)
  }

  /** Write it, with references in place of what is long. */
  #putWriting<Given extends Writing, Answer>(
    given: Given,
    write: (ready: Given) => Promise<Answer>,
    took: (answer: Answer) => boolean,
  ): Promise<Answer> {
    return this.#mayBeLong(given) ? this.#put((offload) => writingOf(given, offload), write, took) : write(given)
  }

  /** Write what `put` makes. Where nothing was written, as `took` says, what was put for it is dropped. */
  async #put<Ready, Answer>(
    put: (offload: Offload) => Promise<Ready>,
    write: (ready: Ready) => Promise<Answer>,
    took: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const offload = new Offload(this.#parts, this.#known)
    try {
      const answer = await write(await put(offload))
      offload.done()
      if (!took(answer)) await this.#drop(offload.keys)
      return answer
    } catch (error) {
      // After any other error it may have been written, or is written again.
      if (error instanceof QueueFullError || faultOf(error) === 'message') {
        offload.done()
        await this.#drop(offload.keys)
      } else offload.failed()
      throw error
    }
  }

  /** What is not dropped now, because the store is unavailable, the sweep drops. */
  async #drop(keys: readonly string[]): Promise<void> {
    await this.#parts.config.store.delete(keys).catch(() => undefined)
  }

  #asSent(message: Message): Message {
    const { envelope } = message
    return Offload.isLong(envelope.body, this.#parts.config)
      ? { ...message, envelope: { ...envelope, body: '' } }
      : message
  }

  #isLong({ message, meta, metadata }: Submission): boolean {
    const { config } = this.#parts
    const isLong = Offload.isLong(message?.envelope.body, config) || Offload.isLong(metadata?.input, config)
    return isLong || this.#isLongResult(meta)
  }

  #isLongResult(meta: Pick<TaskMeta, 'status' | 'result'> | undefined): boolean {
    return meta?.status === SUCCESS && mayBeLongResult(meta.result, this.#parts.config.threshold)
  }

  #mayBeLong({ meta, publish = [], parts = [], metadata, also = [] }: Writing): boolean {
    const { config } = this.#parts
    return (
      this.#isLongResult(meta) ||
      publish.some(({ envelope }) => Offload.isLong(envelope.body, config)) ||
      parts.some(({ state, result }) => this.#isLongResult({ status: state, result })) ||
      also.some((one) => this.#isLongResult(one)) ||
      [...(metadata?.values() ?? [])].some(({ input }) => Offload.isLong(input, config))
    )
  }

  /**
   * The change is asked twice: before, so that a long input, or one that comes to another queue, can be put; and in the
   * write. What it says then of another input than before stays in the message.
   */
  async #change(id: string, queue: string, change: JobChange): Promise<boolean> {
    const { change: write } = this.#work
    if (!write) return false
    const found = await this.#parts.broker.find?.(id, queue)
    const [before, asked] = found ? await this.#asked(change, found) : [undefined, change]
    return this.#put(
      (offload) => this.#staged(before, found, offload),
      (staged) => write.call(this.#work, id, queue, (now, meta) => withStaged(asked(now, meta), now, staged)),
      (changed) => changed,
    )
  }

  /** What it says now; and the change, which gets the arguments of a sealed message where it needs them. */
  async #asked(change: JobChange, found: FoundMessage): Promise<readonly [ChangedJob | undefined, JobChange]> {
    const before = changeOf(change, found)
    const { headers, properties } = found.envelope
    if (before || headers[CODEC_HEADER] === undefined || !isOffloaded(headers)) return [before, change]
    const body = await this.#bodyOf(headers)
    const { key } = referenceOfMessage(headers)
    const asked: JobChange = (now, meta) => {
      const own = now.envelope.headers
      const isSame = isOffloaded(own) && referenceOfMessage(own).key === key
      return change(isSame ? { ...now, envelope: { headers: own, properties, body } } : now, meta)
    }
    return [changeOf(asked, found), asked]
  }

  async #staged(
    before: ChangedJob | undefined,
    found: FoundMessage | undefined,
    offload: Offload,
  ): Promise<Staged | undefined> {
    if (!before || !found) return undefined
    const headers = found.envelope.headers
    const isReferring = isOffloaded(headers)
    const body = before.body ?? (before.queue !== undefined && isReferring ? await this.#bodyOf(headers) : undefined)
    if (body === undefined) return undefined
    const envelope = { ...found.envelope, headers: { ...headers, [PAYLOAD_HEADER]: null }, body }
    const route = { exchange: '', routingKey: before.queue ?? found.queue }
    const put = await offload.message({ envelope, route, notBefore: before.notBefore ?? found.due })
    if (put.envelope === envelope) return undefined
    const reference = referenceOfMessage(put.envelope.headers)
    const { input } = before.record
    // What is kept of a sealed input is another text.
    const isOther = input !== undefined && !sameBody(input, before.body)
    const kept = isOther ? { from: input, to: await offload.input(String(headers.id), input) } : undefined
    return { body: before.body, reference, kept }
  }

  async #bodyOf(headers: Readonly<Record<string, unknown>>): Promise<string | Uint8Array> {
    const reference = referenceOfMessage(headers)
    const bytes = await new PayloadReader(this.#parts.config.store).read(reference)
    return reference.format === 'json' ? bytes.toString() : bytes
  }
}

/** A reference for a change, and the body that it stands for; undefined: that of the message as it was. */
interface Staged {
  readonly body: string | Uint8Array | undefined
  readonly reference: PayloadReference
  /** A kept input that is not the body. */
  readonly kept?: { readonly from: string | Uint8Array; readonly to: string | Uint8Array } | undefined
}

/** Undefined where it throws: the write says why. */
function changeOf(change: JobChange, found: FoundMessage): ChangedJob | undefined {
  try {
    return change(found, undefined)
  } catch {
    // The same error is thrown in the write, where the state of the record is known, too.
    return undefined
  }
}

function withStaged(changed: ChangedJob, found: FoundMessage, staged: Staged | undefined): ChangedJob {
  const isReferring = isOffloaded(found.envelope.headers)
  const isSame =
    staged !== undefined && sameBody(staged.body, changed.body) && (changed.body !== undefined || isReferring)
  if (isSame) {
    const { body, headers } = referring(edited(found.envelope, changed), staged.reference)
    const { input: given } = changed.record
    const own = sameBody(given, staged.kept?.from) ? staged.kept?.to : given
    const input = sameBody(given, staged.body) ? inputOf(staged.reference) : own
    return {
      ...changed,
      body,
      headers: { ...changed.headers, [PAYLOAD_HEADER]: headers[PAYLOAD_HEADER] },
      record: { ...changed.record, ...(given !== undefined && { input }) },
    }
  }
  if (changed.body === undefined || !isReferring) return changed
  return { ...changed, headers: { ...changed.headers, [PAYLOAD_HEADER]: null } }
}

function sameBody(one: string | Uint8Array | undefined, other: string | Uint8Array | undefined): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0
  return one === other
}

async function submissionOf(submission: Submission, offload: Offload): Promise<Submission> {
  const { message, meta, metadata } = submission
  const id = meta?.task_id ?? String(message?.envelope.headers.id)
  return {
    ...submission,
    ...(message && { message: await offload.message(message) }),
    ...(meta && { meta: await offload.record(meta, false) }),
    ...(metadata && { metadata: await metadataOf(id, metadata, offload) }),
  }
}

/** Messages first: what is kept of their inputs is the same payload. Parts before the record, for the same reason. */
async function writingOf<Given extends Writing>(writing: Given, offload: Offload): Promise<Given> {
  const { meta, publish, also, parts, metadata } = writing
  const messages = publish && (await inTurns(publish, (one) => offload.message(one)))
  const ends = parts && (await inTurns<ChordPart>(parts, (one) => offload.part(one)))
  return {
    ...writing,
    ...(messages && { publish: messages }),
    ...(ends && { parts: ends }),
    ...(meta && { meta: await offload.record(meta, false) }),
    ...(also && { also: await inTurns(also, (one) => offload.record(one, false)) }),
    ...(metadata && { metadata: await ownedOf(metadata, offload) }),
  }
}

async function ownedOf(owned: OwnedTasks, offload: Offload): Promise<OwnedTasks> {
  const all = await inTurns([...owned], async ([id, one]) => [id, await metadataOf(id, one, offload)] as const)
  return new Map(all)
}

async function metadataOf(id: string, metadata: SubmissionMetadata, offload: Offload): Promise<SubmissionMetadata> {
  const { input } = metadata
  return input === undefined ? metadata : { ...metadata, input: await offload.input(id, input) }
}

/** Some at once, and the answers in order. */
async function inTurns<Item, Made = Item>(
  items: readonly Item[],
  make: (item: Item) => Promise<Made>,
): Promise<Made[]> {
  const made: Made[] = []
  for (const some of pieces(items, MAX_AT_ONCE)) made.push(...(await Promise.all(some.map(make))))
  return made
}
