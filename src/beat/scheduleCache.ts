import type { Definition } from './entry.ts'
import { scheduleFrom } from './when/parse.ts'
import type { Schedule } from './when/schedule.ts'

/** How many parsed schedules are kept. */
const MAX_CACHED_SCHEDULES = 20_000

/** Reads the schedules of entries; equal ones once. */
export class ScheduleReader {
  readonly #known = new Map<string, Schedule>()

  /** Throws ArgumentError for a schedule that cannot be read, as of a later version. */
  of({ definition }: { readonly definition: Pick<Definition, 'schedule'> }): Schedule {
    const words = JSON.stringify(definition.schedule)
    const known = this.#known.get(words)
    if (known) return known
    const schedule = scheduleFrom(definition.schedule)
    if (this.#known.size >= MAX_CACHED_SCHEDULES) this.#known.clear()
    this.#known.set(words, schedule)
    return schedule
  }
}
