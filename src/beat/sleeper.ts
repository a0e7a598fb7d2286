import type { Clock } from '../std/clock.ts'

/** Timers do not notice a jump of the clock: the clock is compared this often, ms. */
const CLOCK_CHECK_INTERVAL_MS = 5000
/** The sleep ends after this many checks in any case: a lost notification delays a change by half a minute at most. */
const MAX_CLOCK_CHECKS = 6

/** Sleeps until a moment, or until it is woken. */
export class Sleeper {
  readonly #clock: Clock
  #woken = false
  #stir: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** End the sleep, or prevent the next one. */
  wake(): void {
    this.#woken = true
    this.#stir()
  }

  /** Resolves at this moment, when woken, or after half a minute; by a steady clock not before one of the first two. */
  async sleep(until: number | undefined): Promise<void> {
    for (let look = 0; look < MAX_CLOCK_CHECKS && !this.#woken; look++) {
      const left = (until ?? Number.POSITIVE_INFINITY) - this.#clock.now()
      if (left <= 0) break
      await this.#wait(this.#clock.steady ? left : Math.min(left, CLOCK_CHECK_INTERVAL_MS))
    }
    this.#woken = false
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === Number.POSITIVE_INFINITY ? () => undefined : this.#clock.after(ms, resolve)
      this.#stir = () => {
        cancel()
        resolve()
      }
    })
  }
}
