import { dateOf } from './date.ts'
import type { AtSpec, Schedule } from './schedule.ts'
import { momentOf } from './wallClock.ts'

/** Due once, at a moment: a Date, or ISO 8601 text (UTC where it says no offset). Throws ArgumentError. */
export function at(date: Date | string): Schedule {
  return new At(dateOf(date, 'at'))
}

class At implements Schedule {
  readonly #date: Date

  constructor(date: Date) {
    this.#date = date
  }

  next(after: Date): Date | undefined {
    return momentOf(after) < this.#date.getTime() ? new Date(this.#date) : undefined
  }

  toJSON(): AtSpec {
    return { kind: 'at', date: this.#date.toISOString() }
  }

  describe(): string {
    return `at ${this.#date.toISOString()}`
  }
}
