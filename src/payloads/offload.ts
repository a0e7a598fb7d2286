import { hash } from 'node:crypto'
import type { ChordPart } from '../backend/chords.ts'
import type { Message } from '../backend/unitOfWork.ts'
import { PAYLOAD_HEADER } from '../protocol/callHeaders.ts'
import { isoTime } from '../protocol/iso.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { SUCCESS } from '../protocol/states.ts'
import type { Clock } from '../std/clock.ts'
import { PayloadTooLargeError } from '../std/errors.ts'
import { canMove, type Encoded, encodedBody, isLonger, longResult, shortBody } from './encode.ts'
import { newKey, type PayloadFacts, readKey } from './payloadKey.ts'
import type { PayloadConfig } from './payloadOptions.ts'
import { inputOf, type PayloadReference, resultOf } from './reference.ts'

/** What the payloads of an app are kept by. */
export interface OffloadParts {
  readonly config: PayloadConfig
  readonly clock: Clock
  /** How long a result is kept after its task's end, ms; 0: for ever. */
  readonly resultExpires: number
  /** Messages wait where the broker does not find them, as in an outbox, before they come into their queues. */
  readonly waitsElsewhere?: boolean
}

/** References that are known again when the same write is tried again. */
const MAX_KNOWN = 100

/** The payloads of one write: put before it, and known until it is done. */
export class Offload {
  readonly #parts: OffloadParts
  /** Payloads whose write has failed so far, by what they are. */
  readonly #known: Map<string, PayloadReference>
  /** Of this write, by what they are. */
  readonly #put = new Map<string, PayloadReference>()

  constructor(parts: OffloadParts, known: Map<string, PayloadReference>) {
    this.#parts = parts
    this.#known = known
  }

  /** Keys of what it has put. */
  get keys(): readonly string[] {
    return [...this.#put.values()].map(({ key }) => key)
  }

  /** Whether a message, or a kept input, is put. */
  static isLong(body: string | Uint8Array | undefined, { threshold }: PayloadConfig): boolean {
    return body !== undefined && isLonger(body, threshold)
  }

  /** A message with a reference in place of its arguments, where these are long. */
  async message(message: Message): Promise<Message> {
    const { envelope, route, notBefore } = message
    const { config, clock, waitsElsewhere } = this.#parts
    if (!Offload.isLong(envelope.body, config) || !canMove(envelope)) return message
    const { headers } = envelope
    const now = clock.now()
    const due = Math.max(now, notBefore ?? 0, momentOf(headers.eta))
    const queue = route.exchange === '' && !waitsElsewhere ? route.routingKey : undefined
    const facts = { id: headers.id as string, kind: 'input', made: now, until: due + config.keep, queue } as const
    const reference = await this.#keep(facts, encodedBody(envelope))
    return { ...message, envelope: referring(message.envelope, reference) }
  }

  /** A kept input, of this job, with a reference where it is long. */
  async input(id: string, body: string | Uint8Array): Promise<string | Uint8Array> {
    const { config, clock } = this.#parts
    if (!Offload.isLong(body, config)) return body
    const now = clock.now()
    const facts = { id, kind: 'input', made: now, until: now + config.keep, queue: undefined } as const
    const format = typeof body === 'string' ? 'json' : 'msgpack'
    return inputOf(await this.#keep(facts, { bytes: typeof body === 'string' ? Buffer.from(body) : body, format }))
  }

  /** A record with a reference in place of its result, where that is long. `isPart`: a chord waits for it. */
  async record(meta: TaskMeta, isPart: boolean): Promise<TaskMeta> {
    const { task_id: id, status, result, result_expires: expires } = meta
    const encoded = status === SUCCESS ? longResult(result, this.#parts.config.threshold) : undefined
    return encoded ? { ...meta, result: resultOf(await this.#result(id, encoded, isPart, expires)) } : meta
  }

  async part(part: ChordPart): Promise<ChordPart> {
    const { taskId, state, result } = part
    const encoded = state === SUCCESS ? longResult(result, this.#parts.config.threshold) : undefined
    return encoded ? { ...part, result: resultOf(await this.#result(taskId, encoded, true)) } : part
  }

  #result(id: string, encoded: Encoded, isPart: boolean, expires?: number): Promise<PayloadReference> {
    const { clock, config, resultExpires } = this.#parts
    const now = clock.now()
    const kept = (expires ?? resultExpires) || Number.POSITIVE_INFINITY
    const until = isPart ? now + Math.max(kept, config.keep) : now + kept
    return this.#keep({ id, kind: isPart ? 'part' : 'result', made: now, until, queue: undefined }, encoded)
  }

  /** Put once for each job and content, also where the write is repeated. */
  async #keep(facts: PayloadFacts & { readonly id: string }, encoded: Encoded): Promise<PayloadReference> {
    const { bytes, format, plain } = encoded
    const { store, maxSize } = this.#parts.config
    const size = bytes.byteLength
    if (size > maxSize)
      throw new PayloadTooLargeError(
        `${facts.kind} of job ${facts.id}: expected at most ${maxSize} bytes (payloads.maxSize), got ${size}`,
        size,
        maxSize,
      )
    const sha256 = hash('sha256', bytes, 'hex')
    // An input has one payload, whether message or record refers to it.
    const name = `${facts.kind === 'input' ? 'input' : 'result'} ${sha256} ${facts.id}`
    const before = this.#put.get(name) ?? this.#recent(name, facts.made)
    const reference = before ?? { key: newKey(facts), size, sha256, format, ...(plain && { plain }) }
    if (!before) await store.put(reference.key, bytes)
    this.#put.set(name, reference)
    return reference
  }

  /** Not so old that a sweep may take it for one without a message. */
  #recent(name: string, now: number): PayloadReference | undefined {
    const known = this.#known.get(name)
    const made = known && readKey(known.key)?.made
    return made !== undefined && now - made < this.#parts.config.orphanAge / 2 ? known : undefined
  }

  /** It was written, or will not be written again. */
  done(): void {
    for (const name of this.#put.keys()) this.#known.delete(name)
  }

  /** It may be written again with the same content. */
  failed(): void {
    for (const [name, reference] of this.#put) this.#known.set(name, reference)
    for (const name of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) return
      this.#known.delete(name)
    }
  }
}

/** The message in whose store the arguments are not. */
export function referring(envelope: Message['envelope'], reference: PayloadReference): Message['envelope'] {
  const { headers, properties } = envelope
  return {
    headers: { ...headers, [PAYLOAD_HEADER]: reference },
    properties,
    body: shortBody(envelope, reference.key),
  }
}

function momentOf(eta: unknown): number {
  return typeof eta === 'string' ? isoTime(eta) : 0
}
