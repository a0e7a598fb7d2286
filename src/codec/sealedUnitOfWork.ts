import type { AddedMember, Adding, OpenChord } from '../backend/chords.ts'
import type { Output } from '../backend/eventLog.ts'
import type {
  ChangedJob,
  Completions,
  JobChange,
  OwnedTasks,
  Redriven,
  Settlement,
  Submission,
  UnitOfWork,
  Writing,
} from '../backend/unitOfWork.ts'
import type { Delivery, FoundMessage } from '../broker/broker.ts'
import { CODEC_HEADER, type Envelope } from '../protocol/envelope.ts'
import { edited } from '../protocol/messageEdit.ts'
import { sealedResult } from '../protocol/result.ts'
import { CodecError } from '../std/errors.ts'
import type { Seals } from './seals.ts'

/** A unit of work that seals all that it writes. Deliveries, and what they hold, are those of the inner one. */
export class SealedUnitOfWork implements UnitOfWork {
  readonly atomic: boolean
  readonly #inner: UnitOfWork
  readonly #seals: Seals
  readonly check?: NonNullable<UnitOfWork['check']>
  readonly submitMany?: NonNullable<UnitOfWork['submitMany']>
  readonly submitGroup?: NonNullable<UnitOfWork['submitGroup']>
  readonly within?: NonNullable<UnitOfWork['within']>
  readonly change?: NonNullable<UnitOfWork['change']>
  readonly notes?: NonNullable<UnitOfWork['notes']>
  readonly limits?: NonNullable<UnitOfWork['limits']>
  readonly completions?: Completions
  readonly redrive?: NonNullable<UnitOfWork['redrive']>

  constructor(inner: UnitOfWork, seals: Seals) {
    this.atomic = inner.atomic
    this.#inner = inner
    this.#seals = seals
    const { check, submitMany, submitGroup, within, change, notes, limits, completions, redrive } = inner
    if (check) this.check = (message) => check.call(inner, message)
    if (submitMany) this.submitMany = async (all) => submitMany.call(inner, all.map(this.#sealed))
    if (submitGroup)
      this.submitGroup = async (all, opens, adds) =>
        submitGroup.call(
          inner,
          all.map(this.#sealed),
          opens.map(this.#open),
          adds && this.#added(adds),
        ) as Promise<Adding>
    if (within) this.within = async (client) => new SealedUnitOfWork(await within.call(inner, client), seals)
    if (change) this.change = async (id, queue, job) => change.call(inner, id, queue, this.#changing(id, job))
    if (notes) this.notes = notes
    if (limits) this.limits = limits
    if (completions) this.completions = this.#completions(completions)
    if (redrive) this.redrive = async (letters) => redrive.call(inner, letters.map(this.#redriven))
  }

  async submit(submission: Submission): Promise<boolean> {
    return this.#inner.submit(this.#sealed(submission))
  }

  async settle(settlement: Settlement): Promise<boolean> {
    return this.#inner.settle(this.#settlement(settlement))
  }

  async write(writing: Writing): Promise<boolean> {
    return this.#inner.write(this.#writing(writing))
  }

  async emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#inner.emit(this.#seals.output(output), delivery)
  }

  readonly #sealed = (submission: Submission): Submission => {
    const { message, meta, metadata } = submission
    const { messages } = this.#seals
    const plain = message?.envelope
    const envelope = plain && messages.seal(plain)
    const sealed = message && envelope ? { ...submission, message: { ...message, envelope } } : submission
    if (!meta || !metadata) return sealed
    return { ...sealed, metadata: messages.sealMetadata(meta.task_id, metadata, plain, envelope) }
  }

  /** Their chords stay sealed: who listens to them opens them. */
  #completions(inner: Completions): Completions {
    return {
      prepare: async (settlement) => inner.prepare(this.#settlement(settlement)),
      write: (...given) => inner.write(...given),
      state: (delivery) => inner.state(delivery),
      notify: (chords) => inner.notify(chords),
    }
  }

  #settlement(settlement: Settlement): Settlement {
    const { delivery, end } = settlement
    return { ...this.#writing(settlement, delivery), delivery, end }
  }

  /** Its message is sent as it is kept; its record is mostly that of an error, as it was read. */
  readonly #redriven = (letter: Redriven): Redriven => {
    const { meta } = letter
    return meta && sealedResult(meta.result) === undefined
      ? { ...letter, meta: this.#seals.records.seal(meta) }
      : letter
  }

  readonly #open = (chord: OpenChord): OpenChord => this.#seals.openChord(chord)

  #added(member: AddedMember): AddedMember {
    return this.#seals.addedMember(member)
  }

  #writing<Given extends Writing>(writing: Given, delivery?: Delivery): Given {
    const { meta, also, publish, metadata, parts, opens } = writing
    const { records, messages } = this.#seals
    const own = meta && records.seal(meta)
    return {
      ...writing,
      ...(own && { meta: own }),
      ...(also && { also: also.map((one) => records.seal(one)) }),
      ...(publish && { publish: messages.sealAll(publish, bodyOf(delivery)) }),
      ...(metadata && { metadata: this.#metadata(metadata) }),
      ...(parts && { parts: parts.map((part) => this.#seals.part(part, meta, own)) }),
      ...(opens && { opens: opens.map(this.#open) }),
    }
  }

  #metadata(owned: OwnedTasks): OwnedTasks {
    return new Map([...owned].map(([id, metadata]) => [id, this.#seals.messages.sealMetadata(id, metadata)]))
  }

  /** A change of anything but the input is made without the key. */
  #changing(id: string, change: JobChange): JobChange {
    let last: Resealed | undefined
    return (found, known) => {
      const { envelope, problem } = this.#opened(found)
      const changed = change({ ...found, envelope }, known && this.#seals.records.open(known))
      if (changed.body === undefined) return this.#withInput(id, changed)
      if (problem) throw problem
      const plain = edited(envelope, changed)
      // The same is sealed once: what puts it elsewhere asks twice, and knows it by its text.
      if (!last || !isSameBody(last.plain, plain.body))
        last = { plain: plain.body, sealed: this.#seals.messages.seal(plain) }
      return this.#resealed(id, plain, last.sealed, changed)
    }
  }

  #opened({ envelope }: FoundMessage): { envelope: Envelope; problem?: CodecError } {
    try {
      return { envelope: this.#seals.messages.open(envelope) }
    } catch (problem) {
      if (problem instanceof CodecError) return { envelope, problem }
      throw problem
    }
  }

  #withInput(id: string, changed: ChangedJob): ChangedJob {
    const { input } = changed.record
    if (input === undefined) return changed
    return { ...changed, record: { ...changed.record, ...this.#seals.messages.sealMetadata(id, { input }) } }
  }

  #resealed(id: string, plain: Envelope, sealed: Envelope, changed: ChangedJob): ChangedJob {
    const { headers, body } = sealed
    const { argsrepr, kwargsrepr } = headers
    const { input } = changed.record
    const kept = input === undefined ? {} : this.#seals.messages.sealMetadata(id, { input }, plain, sealed)
    return {
      ...changed,
      body,
      headers: { ...changed.headers, argsrepr, kwargsrepr, [CODEC_HEADER]: headers[CODEC_HEADER] },
      record: { ...changed.record, ...kept },
    }
  }
}

/** What a change made of a message. */
interface Resealed {
  readonly plain: Envelope['body']
  readonly sealed: Envelope
}

function isSameBody(one: Envelope['body'], other: Envelope['body']): boolean {
  return typeof one === 'string' || typeof other === 'string' ? one === other : Buffer.compare(one, other) === 0
}

function bodyOf(delivery: Delivery | undefined): Envelope['body'] | undefined {
  try {
    return delivery?.envelope.body
  } catch {
    // The envelope of a damaged store: nothing of it is passed on.
    return undefined
  }
}
