import type { Clock } from './clock.ts'

/** Timers do not hear when the clock jumps: it is looked at so often, ms. */
const LOOK = 5000
/** After so many looks it ends in any case: should a word of a change be lost, it is found within half a minute. */
const LOOKS = 6

/** Sleeps until a moment, or until it is woken. */
export class Sleeper {
  readonly #clock: Clock
  #woken = false
  #stir: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** End the sleep, or keep the next from beginning. */
  wake(): void {
    this.#woken = true
    this.#stir()
  }

  /** Resolves at this moment, when woken, or after half a minute. */
  async sleep(until: number | undefined): Promise<void> {
    for (let look = 0; look < LOOKS && !this.#woken; look++) {
      const left = (until ?? Number.POSITIVE_INFINITY) - this.#clock.now()
      if (left <= 0) break
      await this.#wait(Math.min(left, LOOK))
    }
    this.#woken = false
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve)
      this.#stir = () => {
        cancel()
        resolve()
      }
    })
  }
}
