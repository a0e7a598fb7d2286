import type { Event } from '../protocol/event.ts'
import { AsyncQueue } from '../std/queue.ts'

/** Events that wait for a slow reader. */
const MAX_WAITING = 10_000

/** The events of a receiver, one after the other. */
export class Capture implements AsyncIterableIterator<Event, undefined> {
  readonly #line = new AsyncQueue<Event>()
  readonly #events: AsyncIterator<Event, undefined> = this.#line[Symbol.asyncIterator]()
  readonly #ended: () => void
  #waiting = 0
  #missed = 0

  /** `ended`: called at its end. */
  constructor(ended: () => void) {
    this.#ended = ended
  }

  /** How many events came while 10,000 others were waiting for the reader, and were dropped. */
  get missed(): number {
    return this.#missed
  }

  push(event: Event): void {
    if (this.#waiting >= MAX_WAITING) this.#missed++
    else {
      this.#waiting++
      this.#line.push(event)
    }
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    const step = await this.#events.next()
    if (!step.done) this.#waiting--
    return step
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.#ended()
    this.#line.end()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
