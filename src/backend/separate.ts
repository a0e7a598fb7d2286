import type { Broker, Delivery } from '../broker/broker.ts'
import type { ResultBackend } from './backend.ts'
import { isSelfTimed, type Joint, type Message, type Reply, type Settlement, type Submission } from './joint.ts'

/** The joint of two seams: the store's own where they share one, else the ordered sequence. */
export function jointOf(broker: Broker, backend: ResultBackend): Joint {
  return backend.joint?.(broker) ?? new SeparateJoint(broker, backend)
}

/** Result, then next, then acknowledgement: a crash between any two runs the task again and loses nothing. */
class SeparateJoint implements Joint {
  readonly #broker: Broker
  readonly #backend: ResultBackend
  constructor(broker: Broker, backend: ResultBackend) {
    this.#broker = broker
    this.#backend = backend
  }

  async submit({ message, meta, once }: Submission): Promise<boolean> {
    // The record first: an id that its caller holds must never be unknown while its task runs.
    if (meta) {
      const fresh = await this.#backend.store(meta)
      if (once && !fresh) return false
    }
    await this.#publish(message, isSelfTimed(message))
    return true
  }

  async settle({ delivery, meta, reply, publish, also = [], end }: Settlement): Promise<boolean> {
    // Also what a worker refuses, or somebody else takes out of the queue, is told to the caller who waits for it.
    const caller = reply ?? replyOf(delivery)
    if (meta) await this.#backend.store(meta, caller)
    await Promise.all(
      also.map((other) => this.#backend.store(other, caller && { ...caller, correlationId: other.task_id })),
    )
    if (publish) await Promise.all(publish.map((message) => this.#publish(message)))
    return end === 'ack' ? delivery.ack() : delivery.reject({ requeue: end === 'requeue' })
  }

  #publish({ envelope, route, notBefore }: Message, selfTimed = false): Promise<void> {
    return this.#broker.publish(envelope, route, notBefore === undefined ? undefined : { notBefore, selfTimed })
  }
}

function replyOf({ envelope }: Delivery): Reply | undefined {
  const { replyTo: to, correlationId } = envelope.properties
  return to && correlationId ? { to, correlationId } : undefined
}
