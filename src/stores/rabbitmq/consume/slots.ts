import { PrefetchBuffer } from '../../../broker/prefetchBuffer.ts'
import type { AmqpDelivery } from './delivery.ts'

export interface SlotsParts {
  /** How many may be worked on at once. */
  count(): number
  /** As `ConsumeOptions.ahead`. */
  readonly ahead: number | undefined
  hand(delivery: AmqpDelivery): void
  /** The number to be prefetched has changed. */
  changed(): void
}

/** How often the pace is checked while tasks run, ms. */
const PACE_CHECK_INTERVAL_MS = 50
/** The server gets a new prefetch count when it differs by this share. */
const MIN_CHANGE_SHARE = 0.5

/**
 * The slots of concurrency, and the deliveries in them. The server pushes only as many unacknowledged messages as the
 * prefetch count allows. With one for each slot, a slot is empty from the end of its task until the server has read the
 * acknowledgement. So a worker of short tasks prefetches what it finishes in a moment, by its pace, and no more: no
 * task waits here while another worker is free. A message that waits too long is released.
 */
export class Slots {
  readonly #parts: SlotsParts
  readonly #ahead: PrefetchBuffer<AmqpDelivery>
  readonly #taken = new Set<AmqpDelivery>()
  #extra = 0
  #looking: NodeJS.Timeout | undefined

  constructor(parts: SlotsParts) {
    this.#parts = parts
    this.#ahead = new PrefetchBuffer((stale) => this.#giveBack(stale), parts.ahead)
  }

  /** How many messages the server may push beyond the slots. */
  get extra(): number {
    return this.#extra
  }

  /** Those that wait for a slot. */
  get ahead(): readonly AmqpDelivery[] {
    return this.#ahead.items
  }

  add(delivery: AmqpDelivery): void {
    if (this.#taken.size < this.#parts.count()) this.#hand(delivery)
    else this.#ahead.push([delivery])
  }

  /** The delivery is settled: its slot goes to the next one. */
  settled(delivery: AmqpDelivery): void {
    if (!this.#taken.delete(delivery)) return
    this.#ahead.ended()
    this.#looking ??= setTimeout(() => this.#look(), PACE_CHECK_INTERVAL_MS).unref()
    this.fill()
  }

  /** Fill the slots: there may be more than before. */
  fill(): void {
    while (this.#taken.size < this.#parts.count()) {
      const next = this.#ahead.shift()
      if (!next) return
      this.#hand(next)
    }
  }

  /** Only these are still ours. */
  keep(ours: (delivery: AmqpDelivery) => boolean): void {
    for (const delivery of this.#taken) if (!ours(delivery)) this.#taken.delete(delivery)
    this.#ahead.push(this.#ahead.drain().filter(ours))
    this.fill()
  }

  /** Remove all deliveries that wait for a slot, and stop checking the pace. */
  drain(): AmqpDelivery[] {
    clearTimeout(this.#looking)
    return this.#ahead.drain()
  }

  #hand(delivery: AmqpDelivery): void {
    this.#taken.add(delivery)
    this.#parts.hand(delivery)
  }

  #look(): void {
    const most = this.#ahead.most(this.#parts.count())
    this.#looking = most > 0 ? setTimeout(() => this.#look(), PACE_CHECK_INTERVAL_MS).unref() : undefined
    if (Math.abs(most - this.#extra) > MIN_CHANGE_SHARE * Math.max(most, this.#extra)) this.#tell(most)
  }

  #tell(extra: number): void {
    this.#extra = extra
    this.#parts.changed()
  }

  #giveBack(stale: readonly AmqpDelivery[]): void {
    if (this.#extra > 0) this.#tell(0)
    for (const delivery of stale) void delivery.reject({ requeue: true })
  }
}
