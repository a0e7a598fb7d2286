import { serialize } from '../protocol/serializer.ts'
import { CeleriacError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
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
  /** Another one after each change of its definition or of its pause; runs do not change it. */
  readonly version: string
}

/** What a change asks of the entry. */
export interface ScheduleCondition {
  /** It is as it was when it had this version; else the change rejects with an error of the code `CONFLICT`. */
  version?: string | undefined
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
    version: versionOf(entry),
  }
}

/** Throws CeleriacError with the code `CONFLICT` where the entry has another version than this. */
export function requireVersion(entry: Entry, version: string | undefined): void {
  if (version === undefined || versionOf(entry) === version) return
  throw new CeleriacError('CONFLICT', `schedule ${entry.name} was changed since it was read: read it again`)
}

/** See `ScheduleInfo.version`. */
function versionOf({ name, definition, paused }: Entry): string {
  return uuidOf(serialize({ definition, paused }, 'json', `schedule ${name}`).body as string)
}

function dateOf(moment: number | null): Date | undefined {
  return moment === null ? undefined : new Date(moment)
}
