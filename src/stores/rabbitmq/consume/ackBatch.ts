import type { Channel } from 'amqplib'
import { Deferred } from '../../../std/deferred.ts'

/** How a delivery ends. */
export type Ending = 'ack' | 'requeue' | 'drop'

/** Ends a delivery; false when it was no longer ours. */
export type Settle = (ending: Ending) => Promise<boolean>

/**
 * Settles the deliveries of one channel: those of one turn of the event loop are sent together, and are done when the
 * server has answered a question that was sent after them. So true means that the server has received it; false that
 * the channel ended before: the message is delivered again, or was settled in the last moment.
 */
export class AckBatch {
  readonly #channel: Channel
  readonly #question: () => Promise<unknown>
  /** Unsettled deliveries, in the order in which they arrived. */
  readonly #held = new Set<number>()
  #endings: { readonly tag: number; readonly ending: Ending; readonly done: Deferred<boolean> }[] = []
  #sent: Deferred<boolean>[] = []
  #scheduled = false
  #asking = false
  #ended = false

  /** `question`: any request that the server answers and that changes nothing. */
  constructor(channel: Channel, question: () => Promise<unknown>) {
    this.#channel = channel
    this.#question = question
  }

  /** How many are unsettled. */
  get held(): number {
    return this.#held.size
  }

  get ended(): boolean {
    return this.#ended
  }

  add(tag: number): void {
    this.#held.add(tag)
  }

  settle(tag: number, ending: Ending): Promise<boolean> {
    if (this.#ended || !this.#held.has(tag)) return Promise.resolve(false)
    const done = new Deferred<boolean>()
    this.#endings.push({ tag, ending, done })
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.#flush())
    }
    return done.promise
  }

  /**
   * End all remaining deliveries like this. Resolves when the server has received that, and what was settled just
   * before.
   */
  async settleRest(ending: Ending): Promise<void> {
    const settling = new Set(this.#endings.map(({ tag }) => tag))
    const rest = [...this.#held].filter((tag) => !settling.has(tag)).map((tag) => this.settle(tag, ending))
    await Promise.all([...rest, ...this.#endings.map(({ done }) => done.promise)])
  }

  /** The channel is gone. */
  end(): void {
    this.#ended = true
    this.#held.clear()
    for (const { done } of this.#endings.splice(0)) done.resolve(false)
    for (const done of this.#sent.splice(0)) done.resolve(false)
  }

  #flush(): void {
    this.#scheduled = false
    const endings = this.#endings
    this.#endings = []
    if (this.#ended || endings.length === 0) return
    const acked = new Set<number>()
    for (const { tag, ending, done } of endings) {
      this.#sent.push(done)
      if (ending === 'ack') acked.add(tag)
      else {
        this.#held.delete(tag)
        this.#write(() => this.#channel.reject(messageOf(tag), ending === 'requeue'))
      }
    }
    this.#ack(acked)
    void this.#ask()
  }

  /** All from the oldest one on with one acknowledgement, up to the first that is still held; the others one by one. */
  #ack(acked: Set<number>): void {
    let last: number | undefined
    for (const tag of this.#held) {
      if (!acked.delete(tag)) break
      this.#held.delete(tag)
      last = tag
    }
    if (last !== undefined) this.#write(() => this.#channel.ack(messageOf(last), true))
    for (const tag of acked) {
      this.#held.delete(tag)
      this.#write(() => this.#channel.ack(messageOf(tag)))
    }
  }

  #write(step: () => void): void {
    try {
      step()
    } catch {
      // The channel has just been closed: `end` answers all callers that wait.
    }
  }

  async #ask(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    while (this.#sent.length > 0 && !this.#ended) {
      const asked = this.#sent
      this.#sent = []
      try {
        await this.#question()
        for (const done of asked) done.resolve(true)
      } catch {
        // The channel has ended, which is reported elsewhere.
        for (const done of asked) done.resolve(false)
      }
    }
    this.#asking = false
  }
}

/** The part of a message that the client library reads. */
function messageOf(deliveryTag: number): Parameters<Channel['ack']>[0] {
  return { fields: { deliveryTag } } as Parameters<Channel['ack']>[0]
}
