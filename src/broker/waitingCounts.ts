import { QueueFullError } from '../std/errors.ts'

/** Messages, and bytes of these as their store keeps them. */
export interface WaitingAmount {
  readonly messages: number
  /** 0 where they are not asked for. */
  readonly bytes: number
}

/** How much may wait in a queue. Absent: any number. */
export interface MaxWaiting {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
}

/** Room that submissions need together in one queue. */
export interface QueueNeed extends WaitingAmount {
  readonly queue: string
  readonly max: MaxWaiting
  /** A count that was made before is not used. */
  readonly again: boolean
}

/** The error where they do not fit beside what waits. */
export function fullError(need: QueueNeed, waiting: WaitingAmount): QueueFullError | undefined {
  const { queue, max, messages, bytes } = need
  if (max.messages !== undefined && waiting.messages + messages > max.messages)
    return new QueueFullError(queue, max.messages, messages)
  if (max.bytes !== undefined && waiting.bytes + bytes > max.bytes)
    return new QueueFullError(queue, max.bytes, bytes, 'maxQueueBytes')
  return undefined
}

/** A count of at most so many messages is cheap: made for each submission. */
const CHEAP_COUNT = 1000
/** A larger: used for 1 ms for each so many messages that it may read, or for so many times as long as it took. */
const COUNTED_PER_MS = 1000
const USED_FACTOR = 20

interface Known {
  /** At most so much waits, as far as this process knows: the last count, and what it has submitted since. */
  messages: number
  bytes: number
  /** Until when that is used, by `performance.now()`. */
  readonly until: number
}

/**
 * How much waits in queues that are bounded, for stores that have to count it: a large count is kept for some
 * milliseconds, in which what other processes send is not seen.
 */
export class WaitingCounts {
  readonly #known = new Map<string, Known>()

  /** What waits in the queue, as far as it is known; undefined: count again. */
  waiting({ queue, again }: QueueNeed): WaitingAmount | undefined {
    const known = this.#known.get(queue)
    return !known || again || performance.now() >= known.until ? undefined : known
  }

  /** So much waits in the queue now, or more messages than may, by a count that took so long, ms. */
  counted({ queue, max }: QueueNeed, { messages, bytes }: WaitingAmount, took: number): void {
    // Without bytes it stops at the bound.
    const read = max.bytes === undefined ? (max.messages ?? 0) : messages
    if (read <= CHEAP_COUNT) this.#known.delete(queue)
    else {
      const used = Math.max(read / COUNTED_PER_MS, took * USED_FACTOR)
      this.#known.set(queue, { messages, bytes, until: performance.now() + used })
    }
  }

  /** They are submitted. */
  add(needs: readonly QueueNeed[]): void {
    for (const { queue, messages, bytes } of needs) {
      const known = this.#known.get(queue)
      if (!known) continue
      known.messages += messages
      known.bytes += bytes
    }
  }
}
