import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { replyCodeOf } from '../topology.ts'
import type { AmqpDelivery } from './delivery.ts'
import { HoldByCopy, type HoldByCopyParts } from './holdByCopy.ts'

/** RabbitMQ's own default of `consumer_timeout`, ms. */
const DEFAULT_CONSUMER_TIMEOUT_MS = 1_800_000
/**
 * Part of the timeout after which a message is renewed: the server counts in steps of a minute, and this class checks
 * at intervals.
 */
const RENEWAL_SHARE = 0.5
/** Longest time between two checks, ms. */
const MAX_CHECK_INTERVAL_MS = 10_000

export interface HoldRenewalParts extends HoldByCopyParts {
  /** How long the server lets a delivery be unacknowledged, as far as we know, ms. */
  readonly clock: ConsumerClock
  /**
   * Called when the number of held messages that do not count for the consumer's own channel has changed. Resolves when
   * the server has the new limit of that channel.
   */
  changed(): Promise<void>
  /** Called when no copy is ours any more. */
  copiesLost(): void
}

/**
 * How long the server lets a delivery be unacknowledged, ms: it does not announce that before it is too late. One for
 * all consumers of a broker.
 */
export class ConsumerClock {
  readonly #warn: ((message: string) => void) | undefined
  #refused = false
  timeout: number

  constructor(timeout: number = DEFAULT_CONSUMER_TIMEOUT_MS, warn?: (message: string) => void) {
    this.timeout = timeout
    this.#warn = warn
  }

  /** The server ended a channel with this text. True when it did so because of the timeout. */
  heard(reason: string): boolean {
    const [, used] = /timed out\. Timeout value used: (\d+) ms/.exec(reason) ?? []
    if (used === undefined) return false
    this.timeout = Math.min(this.timeout, Number(used))
    this.#warn?.(
      `RabbitMQ requeued tasks that ran for longer than its consumer_timeout of ${used} ms: they run again. From now on celeriac observes this limit`,
    )
    return true
  }

  /** The server refuses the queues that are needed to hold a message for long. Logged once. */
  refused(error: Error): void {
    if (this.#refused) return
    this.#refused = true
    this.#warn?.(
      `RabbitMQ refuses the queues by which a task is held beyond consumer_timeout, and its workers' deaths are counted: ${error.message}`,
    )
  }
}

/** The messages that a consumer holds; ensures that none is held for longer than the server allows. */
export class HoldRenewal {
  readonly #parts: HoldRenewalParts
  readonly #copies: HoldByCopy
  /** The longest held first. */
  readonly #held = new Set<AmqpDelivery>()
  readonly #moved = new Set<AmqpDelivery>()
  readonly #moving = new Map<AmqpDelivery, Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #still = false

  constructor(parts: HoldRenewalParts) {
    this.#parts = parts
    this.#copies = new HoldByCopy({ ...parts, lost: () => this.#copiesLost() })
  }

  /** How many held messages do not count for the consumer's own channel. */
  get moved(): number {
    return this.#moved.size
  }

  /** The deliveries that are held by copies: release these one by one. */
  get copies(): readonly AmqpDelivery[] {
    return [...this.#moved]
  }

  add(delivery: AmqpDelivery): void {
    this.#held.add(delivery)
    if (!this.#timer) this.#wait()
  }

  settled(delivery: AmqpDelivery): void {
    this.#held.delete(delivery)
    if (this.#moved.delete(delivery)) void this.#parts.changed()
  }

  /** False when it was lost, or is settled. */
  has(delivery: AmqpDelivery): boolean {
    return this.#held.has(delivery)
  }

  /** The channel is gone that brought them: messages that are held by copies stay. */
  lost(): void {
    for (const delivery of this.#held) if (!this.#moved.has(delivery)) this.#held.delete(delivery)
    // The limit may be different from now on.
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#held.size > 0) this.#wait()
  }

  /** Make no more copies; resolves when none is in progress. */
  async still(): Promise<void> {
    this.#still = true
    await Promise.all(this.#moving.values())
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#held.clear()
    await this.#copies.close()
  }

  get #limit(): number {
    return this.#parts.clock.timeout * RENEWAL_SHARE
  }

  #wait(): void {
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        const due = performance.now() - this.#limit
        for (const delivery of [...this.#held]) {
          if (delivery.since > due) break
          void this.renew(delivery)
        }
        if (this.#held.size > 0) this.#wait()
      },
      Math.min(this.#limit / 10, MAX_CHECK_INTERVAL_MS),
    )
    this.#timer.unref()
  }

  /** Hold it by a copy from now on, a new one if there was one. If that fails it is held as before. */
  async renew(delivery: AmqpDelivery): Promise<void> {
    if (this.#still || this.#moving.has(delivery)) return
    const moved = this.#move(delivery)
    this.#moving.set(delivery, moved)
    try {
      await moved
    } finally {
      this.#moving.delete(delivery)
    }
  }

  async #move(delivery: AmqpDelivery): Promise<void> {
    try {
      const copy = await this.#copies.copy(delivery)
      // Before the first message is acknowledged: its slot on the channel must not go to another message.
      if (this.#held.has(delivery) && !this.#moved.has(delivery)) {
        this.#moved.add(delivery)
        await this.#parts.changed()
      }
      if (await delivery.replace(copy)) {
        // To the end of the order.
        if (this.#held.delete(delivery)) this.#held.add(delivery)
      } else this.settled(delivery)
    } catch (error) {
      // The next check tries again; there are several before it is too late.
      if (error instanceof StoreUnavailableError) return
      if (replyCodeOf(error) === undefined && !isLasting(error)) throw error
      this.#parts.clock.refused(error as Error)
    }
  }

  #copiesLost(): void {
    for (const delivery of this.#moved) this.#held.delete(delivery)
    this.#moved.clear()
    void this.#parts.changed()
    this.#parts.copiesLost()
  }
}

/** No permission to declare such queues, or a task queue whose name is too long for theirs. */
function isLasting(error: unknown): boolean {
  return error instanceof ConfigError || error instanceof TypeError
}
