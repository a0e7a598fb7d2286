import type { CallOptions } from '../config/callOptions.ts'
import { isSealedText, unopened } from '../protocol/envelope.ts'
import { CONTENT_TYPES, deserialize, JSON_ONLY, serialize } from '../protocol/serializer.ts'
import { DecodeError } from '../std/errors.ts'
import type { NewEntry, StoredEntry, StoredRun } from '../stores/scheduleStore.ts'
import type { ScheduleSpec } from './when/schedule.ts'

/**
 * What happens to runs whose time passed while no beat ran: dropped, one for all of them, or each, the newest up to a
 * limit.
 */
export type Missed = 'skip' | 'once' | { readonly all: number }

/** What happens to a run whose predecessor still waits or runs. */
export type Overlap = 'allow' | 'skip' | 'queue' | 'cancel'

/**
 * Options of the calls that a schedule makes: those of `applyAsync` that can apply to many calls. Relative times count
 * from the sending of each run.
 */
export type ScheduledOptions = Omit<
  CallOptions,
  'taskId' | 'eta' | 'idempotencyKey' | 'note' | 'expires' | 'deadline'
> & {
  /** Not started later than this after it was sent: REVOKED. */
  expires?: number | string | undefined
  /** No run of it begins later than this after it was sent. */
  deadline?: number | string | undefined
}

/** Arguments of a call: positional, or keyword ones as an object. */
export type CallArgs = readonly unknown[] | Readonly<Record<string, unknown>>

/** When an entry is due, what it sends, and how its runs follow each other. */
export interface EntryTerms {
  readonly schedule: ScheduleSpec
  readonly task: string
  readonly args: CallArgs
  readonly options: ScheduledOptions
  readonly missed: Missed
  readonly overlap: Overlap
  /** Each run is sent up to this much later, the same for all beats; ms. */
  readonly jitter: number
}

/** The user's definition of an entry. Moments in ms since the epoch. */
export interface Definition extends EntryTerms {
  /** Nothing is due before. */
  readonly start: number | null
  /** Nothing is due after. */
  readonly end: number | null
}

/** A line of the schedule: its definition, and its progress. Moments in ms since the epoch. */
export interface Entry {
  readonly name: string
  readonly definition: Definition
  /** For an entry that is defined in code: a digest of the code's definition when it was last read. */
  readonly code: string | null
  readonly paused: boolean
  /** The next moment of its schedule; null: never again. */
  readonly fire: number | null
  /** That, plus the jitter: when the run is sent. */
  readonly due: number | null
  /** The moment of a run that waits for the one before to end. */
  readonly waiting: number | null
  /** Of the last run that was sent: its moment, its sending, and the task's id. */
  readonly lastFire: number | null
  readonly lastRunAt: number | null
  readonly lastId: string | null
  /** How many were sent. */
  readonly runs: number
}

/** One call of an entry, claimed by a beat: all that is needed to send it, even if the entry changes. */
export interface Run {
  /** Id of the task; the same for each beat that sends it. */
  readonly id: string
  /** With the task's name it makes the id: the app's idempotency key. */
  readonly key: string
  readonly entry: string
  /** The moment by its schedule. */
  readonly fire: number
  /** When it was to be sent: that, plus the jitter. */
  readonly due: number
  readonly task: string
  readonly args: CallArgs
  readonly options: ScheduledOptions
  /** Id of the run before, which is to be revoked first. */
  readonly cancels: string | null
}

/** The stored form of an entry. Throws EncodeError for arguments that JSON cannot represent. */
export function storedForm(entry: Entry): NewEntry {
  const { name, due, paused, waiting } = entry
  return {
    text: textOf(entry, `schedule ${name}`),
    due: paused || due === null ? undefined : due,
    waiting: waiting !== null && !paused,
  }
}

/** Throws DecodeError for a text that is no entry, as one of a later version. */
export function readEntry({ name, text }: StoredEntry): Entry {
  const entry = read(text, `schedule ${name}`) as Entry
  const { schedule, task } = entry.definition ?? {}
  if (entry.name === name && typeof schedule?.kind === 'string' && typeof task === 'string') return entry
  throw new DecodeError(`schedule ${name}: expected an entry, got ${text.slice(0, 100)}`)
}

export function storedRun(run: Run): StoredRun {
  return { id: run.id, text: textOf(run, `schedule ${run.entry}`) }
}

/** Throws DecodeError. */
export function readRun({ id, text }: StoredRun): Run {
  const run = read(text, `run ${id}`) as Run
  if (run.id === id && typeof run.task === 'string' && typeof run.key === 'string') return run
  throw new DecodeError(`run ${id}: expected a run of a schedule, got ${text.slice(0, 100)}`)
}

function textOf(value: object, path: string): string {
  return serialize(value, 'json', path).body as string
}

function read(text: string, what: string): object {
  if (isSealedText(text)) throw unopened(what, text)
  const value = deserialize(text, CONTENT_TYPES.json, 'utf-8', JSON_ONLY)
  if (typeof value === 'object' && value !== null) return value
  throw new DecodeError(`${what}: expected an object, got ${text.slice(0, 100)}`)
}
