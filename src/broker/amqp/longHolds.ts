import { StoreUnavailableError } from '../../std/errors.ts'
import type { AmqpDelivery } from './delivery.ts'
import { Keeper, type KeeperParts } from './keeper.ts'

/** RabbitMQ's own default of `consumer_timeout`, ms. */
const CONSUMER_TIMEOUT = 1_800_000
/** The server counts in steps of a minute, and we look now and then: half of it leaves room for both. */
const SHARE = 0.5
/** Longest time between two looks, ms. */
const LOOK = 10_000

export interface LongHoldsParts extends KeeperParts {
  /** How long the server lets a delivery be unacknowledged, as far as we know, ms. */
  readonly clock: ConsumerClock
  /** Called when one more of what is held, or one less, no longer counts for the consumer's own channel. */
  changed(): void
}

/** How long the server lets a delivery be unacknowledged: it tells nobody before it is too late. One for all consumers of a broker. */
export class ConsumerClock {
  readonly #warn: ((message: string) => void) | undefined
  timeout: number

  constructor(timeout: number = CONSUMER_TIMEOUT, warn?: (message: string) => void) {
    this.timeout = timeout
    this.#warn = warn
  }

  /** A channel was ended with these words. True when time was up. */
  heard(reason: string): boolean {
    const [, used] = /timed out\. Timeout value used: (\d+) ms/.exec(reason) ?? []
    if (used === undefined) return false
    this.timeout = Math.min(this.timeout, Number(used))
    this.#warn?.(
      `RabbitMQ gave tasks back that ran for longer than its consumer_timeout of ${used} ms: they run again. From now on it is heeded`,
    )
    return true
  }
}

/** What a consumer holds, and that none is held for longer than the server allows. */
export class LongHolds {
  readonly #parts: LongHoldsParts
  readonly #keeper: Keeper
  /** The longest held first. */
  readonly #held = new Set<AmqpDelivery>()
  readonly #moved = new Set<AmqpDelivery>()
  readonly #moving = new Set<AmqpDelivery>()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: LongHoldsParts) {
    this.#parts = parts
    this.#keeper = new Keeper(parts)
  }

  /** How many of what is held do not count for the consumer's own channel. */
  get moved(): number {
    return this.#moved.size
  }

  /** How many are held by copies: give these back one by one. */
  get copies(): readonly AmqpDelivery[] {
    return [...this.#moved]
  }

  add(delivery: AmqpDelivery): void {
    this.#held.add(delivery)
    if (!this.#timer) this.#wait()
  }

  settled(delivery: AmqpDelivery): void {
    this.#held.delete(delivery)
    if (this.#moved.delete(delivery)) this.#parts.changed()
  }

  /** The channel is gone that brought them: what is held by copies stays. */
  lost(): void {
    for (const delivery of this.#held) if (!this.#moved.has(delivery)) this.#held.delete(delivery)
    // The limit may be another from now on.
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#held.size > 0) this.#wait()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#held.clear()
    await this.#keeper.close()
  }

  get #limit(): number {
    return this.#parts.clock.timeout * SHARE
  }

  #wait(): void {
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        const due = performance.now() - this.#limit
        for (const delivery of [...this.#held]) {
          if (delivery.since > due) break
          void this.#renew(delivery)
        }
        if (this.#held.size > 0) this.#wait()
      },
      Math.min(this.#limit / 10, LOOK),
    )
    this.#timer.unref()
  }

  async #renew(delivery: AmqpDelivery): Promise<void> {
    if (this.#moving.has(delivery)) return
    this.#moving.add(delivery)
    try {
      const copy = await this.#keeper.copy(delivery)
      // Before the first one is acknowledged: its place on the channel must not go to another.
      if (!delivery.settled && !this.#moved.has(delivery)) {
        this.#moved.add(delivery)
        this.#parts.changed()
      }
      if (await delivery.replace(copy)) {
        // To the end of the line.
        if (this.#held.delete(delivery)) this.#held.add(delivery)
      } else this.settled(delivery)
    } catch (error) {
      // Tried again at the next look; until it is too late there are several.
      if (!(error instanceof StoreUnavailableError)) throw error
    } finally {
      this.#moving.delete(delivery)
    }
  }
}
