import type { BackendOptions, ResultBackend } from '../../backend/backend.ts'
import type { RevokedIds } from '../../backend/revokedIds.ts'
import type { Reply } from '../../backend/unitOfWork.ts'
import { type Versioned, Watchers, watchRecords } from '../../backend/watchers.ts'
import { acknowledge } from '../../broker/acknowledge.ts'
import type { Broker, Consumer, Delivery } from '../../broker/broker.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { readable, readMeta, statusIn, type TaskMeta } from '../../protocol/result.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize, type Serialized, serialize } from '../../protocol/serializer.ts'
import { isFinal, PENDING, UNKNOWN } from '../../protocol/states.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import { ConfigError, DecodeError, StoreUnavailableError } from '../../std/errors.ts'
import { RpcRecords } from './records.ts'

/** `replyTo`: queue of this app's replies. */
export type RpcOptions = BackendOptions & { readonly replyTo?: string }

/** Replies are settled as they arrive: this only bounds how many are in transit to this process. */
const PREFETCH = 1000

/**
 * `rpc://`: nothing is stored. Each state of a task is a message to the queue that its caller named, and only that
 * caller can read it: it is kept in memory, for as long as the caller's process lives. Over any broker, in Celery's
 * format (celery-wire §4.5).
 */
export class RpcBackend implements ResultBackend {
  readonly knowsAll = true
  readonly callerOnly = true
  /** In memory only: workers that run now get the ids by remote control, one that starts later does not. */
  readonly revoked: RevokedIds = {
    add: async (ids, due) => {
      for (const id of ids) this.#records.revoke(id, due)
    },
    all: async () => this.#records.revoked(),
  }
  readonly hint = 'results of rpc:// belong to the process that sent the task, and end with it'
  readonly url = 'rpc://'
  readonly #options: BackendOptions
  readonly #broker: Broker
  readonly #replyTo: string
  readonly #accept: ReadonlySet<string>
  readonly #clock: Clock
  readonly #records: RpcRecords
  readonly #watchers = new Watchers()
  readonly #closing = new AbortController()
  #listening: Promise<Consumer> | undefined
  #loop: Promise<void> = Promise.resolve()

  /** `broker` carries the replies. Throws ConfigError without `replyTo`. */
  constructor(options: RpcOptions, broker: Broker) {
    const { replyTo, accept, expires, clock = systemClock } = options
    if (replyTo === undefined) throw new ConfigError('rpc://: expected a queue for replies, got none')
    this.#options = options
    this.#broker = broker
    this.#replyTo = replyTo
    this.#accept = new Set(accept.map((name) => CONTENT_TYPES[name]))
    this.#clock = clock
    this.#records = new RpcRecords(expires, clock)
  }

  /**
   * With `reply`: send it there; true means that it was sent, and the receiver decides whether it came too late.
   * Without: PENDING is of a task that this process is about to send, and begins its record; any other state changes
   * the record of such a task, and is dropped for a task of another process.
   */
  async store(meta: TaskMeta, reply?: Reply): Promise<boolean> {
    const serialized = serialize(meta, this.#options.serializer, 'meta')
    if (reply && reply.to !== this.#replyTo) {
      const route = { exchange: '', routingKey: reply.to }
      await this.#broker.publish(envelopeOf(serialized, reply), route, { transient: true })
      return true
    }
    if (!reply && meta.status === PENDING) await this.#listen()
    else if (!reply && !this.#records.get(meta.task_id)) return true
    return this.#keep(readReply(serialized, ALL_CONTENT_TYPES), serialized.body.length)
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.#load(ids).map((record) => record?.meta)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return watchRecords(this.#watchers, async (wanted) => this.#load(wanted), ids, signal)
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#records.drop(id)
    this.#watchers.forgotten(ids)
  }

  async close(): Promise<void> {
    this.#records.close()
    this.#closing.abort()
    try {
      const consumer = await this.#listening
      await consumer?.release()
    } catch (error) {
      // An unavailable store cannot learn now that the queue is no longer needed: it learns it when the consumer's
      // lease ends.
      if (!(error instanceof StoreUnavailableError)) throw error
    }
    await this.#loop
  }

  /** Resolves when the queue of replies is consumed: from then on no reply is lost. */
  #listen(): Promise<Consumer> {
    this.#listening ??= this.#consume().catch((error: unknown) => {
      this.#listening = undefined
      throw error
    })
    return this.#listening
  }

  async #consume(): Promise<Consumer> {
    const queue = { name: this.#replyTo, transient: true }
    const consumer = await this.#broker.consume([queue], { prefetch: PREFETCH, name: this.#replyTo })
    this.#loop = this.#receiveAll(consumer)
    return consumer
  }

  async #receiveAll(consumer: Consumer): Promise<void> {
    for await (const delivery of consumer) {
      this.#receive(delivery)
      void acknowledge(delivery, this.#closing.signal, this.#clock)
    }
  }

  #receive(delivery: Delivery): void {
    const envelope = readableEnvelope(delivery)
    if (!envelope) return
    const { properties, body } = envelope
    const { correlationId: id = '' } = properties
    const meta = readable(
      id,
      () => readReply({ ...properties, body }, this.#accept),
      () => ({ status: statusIn(body) ?? UNKNOWN }),
    )
    if (!meta.problem || this.#records.get(id)) this.#keep(meta, body.length)
  }

  #keep(meta: TaskMeta, size: number): boolean {
    const known = this.#records.get(meta.task_id)?.meta
    if (known && (meta.status === PENDING || isFinal(known.status))) return false
    // The reply of a Python worker has fewer fields than are known already.
    const facts = known && { name: known.name, queue: known.queue, date_submitted: known.date_submitted }
    this.#watchers.tell(this.#records.put({ ...facts, ...meta }, size))
    return true
  }

  #load(ids: readonly string[]): (Versioned | undefined)[] {
    return ids.map((id) => this.#records.get(id))
  }
}

/** Any client may write to the queue: undefined for a delivery that is no message at all. */
function readableEnvelope(delivery: Delivery): Envelope | undefined {
  try {
    return delivery.envelope
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function readReply({ body, contentType, contentEncoding }: Serialized, accept: ReadonlySet<string>): TaskMeta {
  return readMeta(deserialize(body, contentType, contentEncoding, accept))
}

function envelopeOf({ body, contentType, contentEncoding }: Serialized, { correlationId }: Reply): Envelope {
  return { headers: {}, properties: { contentType, contentEncoding, correlationId, deliveryMode: 1 }, body }
}
