import type { Entry, EntryTerms } from './entry.ts'
import type { Schedule } from './when/schedule.ts'

/** The current state of an entry of the schedule. */
export interface ScheduleInfo extends EntryTerms {
  readonly name: string
  /** For people: `every 30s`. */
  readonly when: string
  readonly start: Date | undefined
  readonly end: Date | undefined
  /** Where it comes from: the app's code, or a call while it ran. */
  readonly source: 'code' | 'call'
  readonly paused: boolean
  /** When it is sent next; undefined: paused, or never again. */
  readonly nextRunAt: Date | undefined
  readonly lastRunAt: Date | undefined
  /** Id of the task that was sent last. */
  readonly lastId: string | undefined
  /** A run waits for that one to end. */
  readonly waiting: boolean
  /** How many were sent. */
  readonly runs: number
}

export function infoOf(entry: Entry, schedule: Schedule): ScheduleInfo {
  const { definition, name, paused, due, lastRunAt, lastId, runs } = entry
  return {
    name,
    when: schedule.describe(),
    schedule: definition.schedule,
    task: definition.task,
    args: definition.args,
    options: definition.options,
    missed: definition.missed,
    overlap: definition.overlap,
    jitter: definition.jitter,
    start: dateOf(definition.start),
    end: dateOf(definition.end),
    source: entry.code === null ? 'call' : 'code',
    paused,
    nextRunAt: paused ? undefined : dateOf(due),
    lastRunAt: dateOf(lastRunAt),
    lastId: lastId ?? undefined,
    waiting: entry.waiting !== null,
    runs,
  }
}

function dateOf(moment: number | null): Date | undefined {
  return moment === null ? undefined : new Date(moment)
}
