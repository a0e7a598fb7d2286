import { createHash } from 'node:crypto'
import { uuidOf } from '../std/id.ts'
import type { Definition, Entry, Run } from './entry.ts'
import type { Schedule } from './when/schedule.ts'

/**
 * A run that is later than this was missed, where missed ones are skipped, ms: within it one beat can replace another.
 */
const LATE_TOLERANCE_MS = 60_000

/** Why runs were not sent. */
export type SkipReason = 'missed' | 'overlap'

/** What happens to an entry at some moment. */
export interface Plan {
  readonly entry: Entry
  readonly runs: readonly Run[]
  /** Why some were dropped; undefined: none was. */
  readonly skipped: SkipReason | undefined
}

/** The input of a plan. */
export interface Question {
  readonly app: string
  readonly entry: Entry
  readonly schedule: Schedule
  readonly now: number
  /** The run before still waits or runs. */
  readonly busy: boolean
}

/** The next run of a schedule that was defined, changed or resumed now: moments that passed before are not missed. */
export function begin(
  name: string,
  definition: Definition,
  schedule: Schedule,
  now: number,
): Pick<Entry, 'fire' | 'due'> {
  const { start } = definition
  return follow(name, definition, schedule, start === null ? now : Math.max(now, start - 1))
}

/** What to send of an entry now, and its state after that. Pure: every beat makes the same plan of the same input. */
export function plan(question: Question): Plan {
  const { entry, schedule, now } = question
  const { definition, name } = entry
  if (entry.fire === null || entry.due === null || entry.due > now) return overlapped(question, entry, [], false)
  const limit = typeof definition.missed === 'object' ? definition.missed.all : 1
  const { fires, more } = newest(entry, schedule, now, limit)
  const last = fires.at(-1) as number
  const after: Entry = { ...entry, ...follow(name, definition, schedule, last) }
  const late = now - dueOf(name, definition, schedule, last)
  if (definition.missed === 'skip' && late > LATE_TOLERANCE_MS) return overlapped(question, after, [], true)
  return overlapped(question, after, fires, more)
}

/** The next moment after `time` and when its run is sent. */
function follow(name: string, definition: Definition, schedule: Schedule, time: number): Pick<Entry, 'fire' | 'due'> {
  const fire = schedule.next(new Date(time))?.getTime()
  if (fire === undefined || (definition.end !== null && fire > definition.end)) return { fire: null, due: null }
  return { fire, due: dueOf(name, definition, schedule, fire) }
}

/** A run never waits beyond the moment of the next, so that their order stays. */
function dueOf(name: string, { jitter }: Definition, schedule: Schedule, fire: number): number {
  if (jitter === 0) return fire
  const next = schedule.next(new Date(fire))?.getTime() ?? Number.POSITIVE_INFINITY
  const drawn = createHash('sha256').update(`${name}\0${fire}`).digest().readUInt32BE(0) / 2 ** 32
  return fire + Math.floor(drawn * Math.min(jitter, next - fire))
}

/**
 * The newest due moments, at most `limit`, oldest first; `more`: there were others before. Each step looks back twice
 * as far, so that months of seconds need not be counted.
 */
function newest(
  entry: Entry,
  schedule: Schedule,
  now: number,
  limit: number,
): { readonly fires: readonly number[]; readonly more: boolean } {
  const { name, definition } = entry
  const first = entry.fire as number
  const last = Math.min(now, definition.end ?? now)
  for (let back = 1000; ; back *= 2) {
    const from = Math.max(first, now - back)
    const fires = [...(from === first ? [first] : []), ...between(schedule, from, last, limit)].filter(
      (fire) => fire === first || dueOf(name, definition, schedule, fire) <= now,
    )
    if (fires.length > limit) return { fires: fires.slice(-limit), more: true }
    if (from === first) return { fires, more: false }
  }
}

/** The moments after `from` up to `to`, but only the last `limit` + 2 of them. */
function between(schedule: Schedule, from: number, to: number, limit: number): number[] {
  const found: number[] = []
  for (let at = schedule.next(new Date(from)); at && at.getTime() <= to; at = schedule.next(at)) {
    found.push(at.getTime())
    if (found.length > limit + 2) found.shift()
  }
  return found
}

function overlapped(question: Question, after: Entry, fires: readonly number[], dropped: boolean): Plan {
  const { busy, entry } = question
  const missed: SkipReason | undefined = dropped ? 'missed' : undefined
  switch (entry.definition.overlap) {
    case 'allow':
      return planned(question, after, fires, missed)
    case 'skip':
      return planned(question, after, busy ? [] : fires.slice(-1), fires.length > (busy ? 0 : 1) ? 'overlap' : missed)
    case 'cancel':
      return planned(question, after, fires.slice(-1), fires.length > 1 ? 'overlap' : missed)
    case 'queue': {
      const line = entry.waiting === null ? fires : [entry.waiting, ...fires]
      const sent = busy ? [] : line.slice(0, 1)
      const rest = line.slice(sent.length)
      const waiting = rest[0] ?? null
      return planned(question, { ...after, waiting }, sent, rest.length > 1 ? 'overlap' : missed)
    }
  }
}

function planned(
  { app, now, busy, schedule, entry }: Question,
  after: Entry,
  fires: readonly number[],
  skipped: SkipReason | undefined,
): Plan {
  const last = fires.at(-1)
  if (last === undefined) return { entry: after, runs: [], skipped }
  const { definition, name, lastId } = entry
  const cancels = busy && definition.overlap === 'cancel' ? lastId : null
  const runs = fires.map((fire): Run => {
    const { task, args, options } = definition
    const key = runKey(app, name, fire)
    const due = dueOf(name, definition, schedule, fire)
    return { id: uuidOf(task, key), key, entry: name, fire, due, task, args, options, cancels }
  })
  const done = { lastFire: last, lastRunAt: now, lastId: runs.at(-1)?.id ?? null, runs: after.runs + runs.length }
  return { entry: { ...after, ...done }, runs, skipped }
}

/** Idempotency key of the run of an entry at a moment: the same in every beat, so that its task's id is. */
function runKey(app: string, entry: string, fire: number): string {
  return uuidOf('celeriac.schedule', app, entry, String(fire))
}
