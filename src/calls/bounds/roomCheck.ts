import type { Broker } from '../../broker/broker.ts'
import type { QueueNeed } from '../../broker/waitingCounts.ts'
import { QueueFullError } from '../../std/errors.ts'

/** How long a count of a queue with room is used, ms, and 1 ms more for each so many messages of its limit. */
const MIN_USED_MS = 20
const COUNTED_PER_MS = 1000

interface Room {
  /** At most so many wait, as far as this process knows: the last count, and what it sends since. */
  waiting: number
  /** When that was, by `performance.now()`. */
  since: number
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
  readonly #broker: Pick<Broker, 'size'>
  readonly #rooms = new Map<string, Room>()

  constructor(broker: Pick<Broker, 'size'>) {
    this.#broker = broker
  }

  /**
   * Take room, and send. Rejects with QueueFullError where there is not enough: then nothing is sent; else as `send`
   * and `Broker.size`.
   */
  async send<Value>(needs: readonly QueueNeed[], send: () => Promise<Value>): Promise<Value> {
    for (const need of needs) if (!this.#isKnown(need)) await this.#count(need.queue)
    // From here on without a pause: of several queues room is taken in all, or in none.
    const full = needs.find(({ queue, limit, count }) => this.#room(queue).waiting + count > limit)
    if (full) throw new QueueFullError(full.queue, full.limit, full.count)
    for (const { queue, count } of needs) this.#room(queue).waiting += count
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

  /** It fits by a count that is not too old. */
  #isKnown({ queue, limit, count, again }: QueueNeed): boolean {
    const { waiting, since } = this.#room(queue)
    if (again || waiting + count > limit) return false
    return performance.now() - since < MIN_USED_MS + limit / COUNTED_PER_MS
  }

  async #count(queue: string): Promise<void> {
    const room = this.#room(queue)
    room.counting ??= this.#countNow(queue, room).finally(() => {
      room.counting = undefined
    })
    await room.counting
  }

  async #countNow(queue: string, room: Room): Promise<void> {
    await Promise.all(room.sending)
    const [since, before] = [performance.now(), room.waiting]
    const size = await this.#broker.size(queue)
    // What is sent meanwhile may not have arrived when it was counted.
    room.waiting = size + (room.waiting - before)
    room.since = since
  }

  #room(queue: string): Room {
    const known = this.#rooms.get(queue)
    if (known) return known
    const room: Room = { waiting: 0, since: Number.NEGATIVE_INFINITY, sending: new Set(), counting: undefined }
    this.#rooms.set(queue, room)
    return room
  }
}
