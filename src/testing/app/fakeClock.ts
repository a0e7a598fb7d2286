import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../std/clock.ts'

interface Timer {
  readonly at: number
  /** Timers of the same moment end in the order in which they were made. */
  readonly seq: number
  readonly wake: () => void
  cancelled: boolean
  ended: boolean
}

/** Fewer cancelled timers than this are left in the heap. */
const MIN_CANCELLED = 64

/** Timers run as if nothing had called them. */
const outside = AsyncLocalStorage.snapshot()

/** A clock that stands still until it is moved, from one of its timers to the next. */
export class FakeClock implements Clock {
  readonly steady = true
  #now: number
  #seq = 0
  /** A binary heap: the timer that ends first is in front. */
  #heap: Timer[] = []
  /** How many timers of the heap are cancelled. */
  #cancelled = 0

  /** `now`: ms since the epoch. */
  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(ms: number, wake: () => void): () => void {
    // Moments are whole ms, as those of a machine.
    const timer: Timer = {
      at: Math.ceil(this.#now + Math.max(0, ms)),
      seq: ++this.#seq,
      wake,
      cancelled: false,
      ended: false,
    }
    this.#heap.push(timer)
    this.#rise(this.#heap.length - 1)
    return () => this.#cancel(timer)
  }

  /** When the next timer ends, ms since the epoch. */
  get next(): number | undefined {
    while (this.#heap[0]?.cancelled) {
      this.#shift()
      this.#cancelled--
    }
    return this.#heap[0]?.at
  }

  /** Move to the end of the next timer, and call it. */
  step(): void {
    if (this.next === undefined) return
    const timer = this.#shift() as Timer
    timer.ended = true
    this.#now = Math.max(this.#now, timer.at)
    outside(timer.wake)
  }

  /** Move to this moment, which no timer precedes. */
  moveTo(moment: number): void {
    this.#now = moment
  }

  #cancel(timer: Timer): void {
    if (timer.cancelled || timer.ended) return
    timer.cancelled = true
    this.#cancelled++
    if (this.#cancelled < MIN_CANCELLED || this.#cancelled < this.#heap.length / 2) return
    // Sorted is a heap, too.
    this.#heap = this.#heap.filter(({ cancelled }) => !cancelled).sort((a, b) => (precedes(a, b) ? -1 : 1))
    this.#cancelled = 0
  }

  #shift(): Timer | undefined {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (last && this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink()
    }
    return first
  }

  #rise(from: number): void {
    for (let at = from, parent = (at - 1) >> 1; at > 0; at = parent, parent = (at - 1) >> 1) {
      if (!this.#swapped(parent, at)) return
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const least = right < this.#heap.length && precedes(this.#heap[right], this.#heap[left]) ? right : left
      if (least >= this.#heap.length || !this.#swapped(at, least)) return
      at = least
    }
  }

  /** Swap parent and child where the child comes first. */
  #swapped(parent: number, child: number): boolean {
    const [above, below] = [this.#heap[parent], this.#heap[child]]
    if (!precedes(below, above)) return false
    this.#heap[parent] = below as Timer
    this.#heap[child] = above as Timer
    return true
  }
}

function precedes(a: Timer | undefined, b: Timer | undefined): boolean {
  if (!a || !b) return false
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}
