import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { requireDate, requireFlag, shown } from '../std/validate.ts'
import type { Definition, Missed, Overlap } from './entry.ts'

/** How an entry of the schedule behaves. */
export interface ScheduleOptions {
  // <SCHEDULE_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Runs whose time passed while no beat ran, or while the clock jumped. `'once'`: one for all of them, the newest.
   * `'skip'`: none, unless it is less than a minute late. `{ all: n }`: each, the newest n (1 to 1000). Default
   * `'once'`.
   */
  missed?: Missed | undefined
  /**
   * When the run before still waits in its queue or runs. `'allow'`: the next is sent beside it. `'skip'`: the next is
   * left out. `'queue'`: the next is sent when that one has ended; one waits, others are left out. `'cancel'`: that one
   * is revoked, by force if it runs, then the next is sent: a run that ignores its `signal` is ended some seconds
   * later, and in pool `inline` never. All but `allow` need the tasks' results. Default `'allow'`.
   */
  overlap?: 'allow' | 'skip' | 'queue' | 'cancel' | undefined
  /**
   * Each run is sent up to so much later, never beyond the next one's moment. Drawn from name and moment: every beat
   * draws the same. Default `0`.
   */
  jitter?: Duration | undefined
  /** Nothing is due before this moment. Default: none. */
  start?: Date | undefined
  /** Nothing is due after this moment. Default: none. */
  end?: Date | undefined
  /** Begin paused; of new entries only. Later use `pause` and `resume`. Default `false`. */
  paused?: boolean | undefined
  // </SCHEDULE_OPTIONS>
}

/** Parsed: times in ms. */
interface ParsedScheduleOptions extends Pick<ScheduleOptions, 'start' | 'end'> {
  readonly missed: Missed
  readonly overlap: Overlap
  readonly jitter: number
  readonly paused: boolean
}

const MAX_MISSED_RUNS = 1000
const OVERLAPS: readonly Overlap[] = ['allow', 'skip', 'queue', 'cancel']

export const SCHEDULE_OPTIONS: OptionTable<ScheduleOptions, ParsedScheduleOptions> = {
  missed: {
    kind: 'value',
    type: 'Missed',
    check: requireMissed,
    default: 'once',
    doc: 'runs whose time passed while no beat ran, or while the clock jumped',
    more: `\`'once'\`: one for all of them, the newest. \`'skip'\`: none, unless it is less than a minute late. \`{ all: n }\`: each, the newest n (1 to ${MAX_MISSED_RUNS}).`,
  },
  overlap: {
    kind: 'choice',
    values: OVERLAPS,
    expected: OVERLAPS.join(', '),
    default: 'allow',
    doc: 'when the run before still waits in its queue or runs',
    more: "`'allow'`: the next is sent beside it. `'skip'`: the next is left out. `'queue'`: the next is sent when that one has ended; one waits, others are left out. `'cancel'`: that one is revoked, by force if it runs, then the next is sent: a run that ignores its `signal` is ended some seconds later, and in pool `inline` never. All but `allow` need the tasks' results.",
  },
  jitter: {
    kind: 'duration',
    default: 0,
    doc: "each run is sent up to so much later, never beyond the next one's moment",
    more: 'Drawn from name and moment: every beat draws the same.',
  },
  start: {
    kind: 'value',
    type: 'Date',
    check: requireDate,
    absent: 'none',
    doc: 'nothing is due before this moment',
  },
  end: {
    kind: 'value',
    type: 'Date',
    check: requireDate,
    absent: 'none',
    doc: 'nothing is due after this moment',
  },
  paused: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'begin paused; of new entries only',
    more: 'Later use `pause` and `resume`.',
  },
}

/** Throws ArgumentError. */
export function parseOptions(
  options: ScheduleOptions,
  where: string,
): Pick<Definition, 'missed' | 'overlap' | 'jitter' | 'start' | 'end'> {
  const { start, end, missed, overlap, jitter } = readOptions(SCHEDULE_OPTIONS, options, where)
  if (start && end && end < start)
    throw new ArgumentError(`${where}: end: expected a moment after start, got ${end.toISOString()}`)
  return { missed, overlap, jitter, start: start?.getTime() ?? null, end: end?.getTime() ?? null }
}

function requireMissed(missed: Missed, where: string): void {
  if (missed === 'skip' || missed === 'once') return
  const { all } = (typeof missed === 'object' ? missed : {}) as { all?: unknown }
  if (Number.isInteger(all) && (all as number) >= 1 && (all as number) <= MAX_MISSED_RUNS) return
  throw new ArgumentError(`${where}: expected 'skip', 'once' or { all: 1 to ${MAX_MISSED_RUNS} }, got ${shown(missed)}`)
}

/** The new options together with the unchanged old ones. */
export function changedOptions(
  old: Definition,
  options: ScheduleOptions,
  where: string,
): ReturnType<typeof parseOptions> {
  const before: ScheduleOptions = {
    missed: old.missed,
    overlap: old.overlap,
    jitter: old.jitter,
    ...(old.start !== null && { start: new Date(old.start) }),
    ...(old.end !== null && { end: new Date(old.end) }),
  }
  if ('paused' in options) throw new ArgumentError(`${where}: options: paused is changed by pause and resume`)
  return parseOptions({ ...before, ...options }, where)
}
