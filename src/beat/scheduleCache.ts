import type { Definition } from './entry.ts'
import { scheduleFrom } from './when/parse.ts'
import type { Schedule } from './when/schedule.ts'

/** Most parsed schedules that are kept. */
const MAX_CACHED_SCHEDULES = 20_000

/** Reads the schedules of entries; those of the same words once. */
export class ScheduleReader {
  readonly #known = new Map<string, Schedule>()

  /** Throws ArgumentError for one that cannot be read, as of a later version. */
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
