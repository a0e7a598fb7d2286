import type { Clock } from '../../src/std/clock.ts'

/** A clock that stands still until it is told to move. Timers go off when their time has passed by it, or when it jumps past them. */
export class ManualClock implements Clock {
  #now: number
  readonly #timers = new Set<{ readonly at: number; readonly wake: () => void; readonly background: boolean }>()

  constructor(now: string | number) {
    this.#now = new Date(now).getTime()
  }

  now(): number {
    return this.#now
  }

  after(ms: number, wake: () => void, background = false): () => void {
    const timer = { at: this.#now + ms, wake, background }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#now += ms
    this.#goOff()
  }

  /** Somebody sets the clock: timers hear nothing of it, and go off when they would have. */
  jump(ms: number): void {
    this.#now += ms
    const timers = [...this.#timers].map((timer) => ({ ...timer, at: timer.at + ms }))
    this.#timers.clear()
    for (const timer of timers) this.#timers.add(timer)
  }

  /** Somebody waits. */
  get waited(): boolean {
    return [...this.#timers].some(({ background }) => !background)
  }

  #goOff(): void {
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue
      timer.wake()
    }
  }
}
