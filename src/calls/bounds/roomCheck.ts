import { fullError, type QueueNeed } from '../../broker/waitingCounts.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import type { QueueSizes } from './boundUses.ts'

/** How long a count of a queue with room is used, ms, and 1 ms more for each so many messages of its limit. */
const MIN_USED_MS = 20
const COUNTED_PER_MS = 1000
/** A count of bytes is used for so many times as long as it took, also of a full queue. */
const USED_FACTOR = 20

interface Room {
  /** At most so much waits, as far as this process knows: the last count, and what it sends since. */
  messages: number
  bytes: number
  /** When that was, by `performance.now()`; and how long the count of its bytes took, ms. */
  since: number
  took: number
  /** What is being sent: a count might miss it. */
  readonly sending: Set<Promise<unknown>>
  /** The count under way, for all that need one. */
  counting: Promise<void> | undefined
}

/**
 * The room of queues, counted by the broker, for stores whose submissions are no transaction. Between two counts it is
 * known what this process sends, and not what others do.
 */
export class RoomCheck {
  readonly #broker: QueueSizes
  /** How many bytes a message will take where it waits, about. */
  readonly bytesOf: (envelope: Envelope) => number
  readonly #rooms = new Map<string, Room>()

  constructor(broker: QueueSizes, bytesOf: (envelope: Envelope) => number) {
    this.#broker = broker
    this.bytesOf = bytesOf
  }

  /**
   * Take room, and send. Rejects with QueueFullError where there is not enough: then nothing is sent; else as `send`
   * and `Broker.size`.
   */
  async send<Value>(needs: readonly QueueNeed[], send: () => Promise<Value>): Promise<Value> {
    for (const need of needs) if (!this.#isKnown(need)) await this.#count(need)
    // From here on without a pause: of several queues room is taken in all, or in none.
    for (const need of needs) {
      const full = fullError(need, this.#room(need.queue))
      if (full) throw full
    }
    for (const { queue, messages, bytes } of needs) {
      const room = this.#room(queue)
      room.messages += messages
      room.bytes += bytes
    }
    const sent = send()
    for (const { queue } of needs) this.#track(sent, this.#room(queue).sending)
    return sent
  }

  #track(sent: Promise<unknown>, sending: Set<Promise<unknown>>): void {
    const forget = (): void => {
      sending.delete(ended)
    }
    const ended: Promise<void> = sent.then(forget, forget)
    sending.add(ended)
  }

  /** By a count that is not too old; where it does not fit, the count is made again, unless that takes long. */
  #isKnown(need: QueueNeed): boolean {
    const room = this.#room(need.queue)
    if (need.again) return false
    const age = performance.now() - room.since
    if (age < room.took * USED_FACTOR) return true
    const used = MIN_USED_MS + (need.max.messages ?? 0) / COUNTED_PER_MS
    return age < used && fullError(need, room) === undefined
  }

  async #count({ queue, max }: QueueNeed): Promise<void> {
    const room = this.#room(queue)
    room.counting ??= this.#countNow(queue, room, max.bytes !== undefined).finally(() => {
      room.counting = undefined
    })
    await room.counting
  }

  async #countNow(queue: string, room: Room, counts: boolean): Promise<void> {
    await Promise.all(room.sending)
    const [since, { messages, bytes }] = [performance.now(), room]
    const size = await this.#broker.size(queue)
    const sized = performance.now()
    const waiting = counts ? await this.#broker.bytes?.waiting(queue) : undefined
    // What is sent meanwhile may not have arrived when it was counted.
    room.messages = size + (room.messages - messages)
    room.bytes = (waiting ?? 0) + (room.bytes - bytes)
    room.since = since
    room.took = counts ? performance.now() - sized : 0
  }

  #room(queue: string): Room {
    const known = this.#rooms.get(queue)
    if (known) return known
    const since = Number.NEGATIVE_INFINITY
    const room: Room = { messages: 0, bytes: 0, since, took: 0, sending: new Set(), counting: undefined }
    this.#rooms.set(queue, room)
    return room
  }
}
