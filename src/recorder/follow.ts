import type { FileThread } from './file/fileThread.ts'
import type { Followed, FollowOptions } from './recording.ts'

/** Waits for something to be written. */
export class Followers {
  readonly #waiting = new Set<() => void>()
  readonly #watching = new Set<() => void>()
  readonly #changed: (isAny: boolean) => void
  #count = 0
  #isClosed = false

  /** `changed`: called when there is a first one, and after the last. */
  constructor(changed: (isAny: boolean) => void) {
    this.#changed = changed
  }

  /** Ends all that follow. */
  close(): void {
    this.#isClosed = true
    this.wake()
  }

  /** Something was written. */
  wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    for (const written of this.#watching) written()
  }

  /** Called whenever something was written, until the returned function is. */
  watch(written: () => void): () => void {
    const own = (): void => written()
    this.#watching.add(own)
    if (++this.#count === 1) this.#changed(true)
    return () => {
      if (this.#watching.delete(own) && --this.#count === 0) this.#changed(false)
    }
  }

  /** The events after a number, from now on. Rejects with ArgumentError, StoreUnavailableError. */
  async *follow(
    thread: FileThread,
    { signal, after, ...only }: FollowOptions,
    now: () => number,
  ): AsyncGenerator<Followed> {
    if (++this.#count === 1) this.#changed(true)
    try {
      let position = after ?? (await thread.call('lastEvent', now()))
      while (!signal.aborted && !this.#isClosed) {
        // Before it is read: what is written meanwhile is another round.
        const next = this.#next(signal)
        const { events, last, oldest, more } = await thread.call('eventsAfter', { ...only, after: position }, now())
        if (oldest > position + 1 || position > last) yield { kind: 'missed', after: position, before: oldest }
        // The number is of a file that was there before: of this one, none was seen.
        if (position > last) position = oldest - 1
        else {
          if (events.length > 0) yield { kind: 'events', events }
          position = last
          if (!more) await next
        }
      }
    } finally {
      if (--this.#count === 0) this.#changed(false)
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      if (signal.aborted) wake()
    })
  }
}
