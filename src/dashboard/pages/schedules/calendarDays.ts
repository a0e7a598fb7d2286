import type { ScheduleDocument, WhenDocument } from '../../../protocol/scheduleDocument.ts'
import { client } from '../../api/client.ts'

/** As many moments as the server computes of one entry. */
export const MAX_NEXT = 1000
/** As many entries are asked for at once. */
const AT_ONCE = 4

/** The runs of an entry from now on. */
export interface EntryRuns {
  readonly entry: ScheduleDocument
  /** Runs of a time, both in ms: from one moment to before another. */
  readonly countIn: (from: number, to: number) => number
  /** ms; later ones are not counted. */
  readonly knownUntil: number
}

/** One day of the calendar. */
export interface Day {
  /** Its midnight in the zone of the browser. */
  readonly date: Date
  readonly isPast: boolean
  readonly count: number
  /** Of some entry not all runs of this day are counted. */
  readonly isPartial: boolean
  readonly entries: readonly { readonly name: string; readonly count: number }[]
}

/** The runs of each entry: computed for fixed intervals, else asked of the server. */
export async function runsOf(entries: readonly ScheduleDocument[], signal: AbortSignal): Promise<readonly EntryRuns[]> {
  const found: EntryRuns[] = []
  const left = [...entries]
  const take = async (): Promise<void> => {
    for (let entry = left.shift(); entry; entry = left.shift()) found.push(await runsOfEntry(entry, signal))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, take))
  return found.toSorted((one, other) => (one.entry.name < other.entry.name ? -1 : 1))
}

async function runsOfEntry(entry: ScheduleDocument, signal: AbortSignal): Promise<EntryRuns> {
  const { schedule, paused, nextRunAt } = entry
  if (paused || nextRunAt === undefined) return { entry, countIn: () => 0, knownUntil: Number.POSITIVE_INFINITY }
  if (schedule.kind === 'every' && typeof schedule.interval === 'number')
    return { entry, countIn: (from, to) => countEvery(entry, schedule, from, to), knownUntil: Number.POSITIVE_INFINITY }
  const { next = [] } = await client.schedules.get(entry.name, { next: MAX_NEXT, signal })
  const times = next.map((at) => Date.parse(at))
  return {
    entry,
    countIn: (from, to) => times.filter((at) => at >= from && at < to).length,
    knownUntil: times.length < MAX_NEXT ? Number.POSITIVE_INFINITY : (times.at(-1) ?? 0),
  }
}

/** Multiples of the interval since its beginning, from now on. */
function countEvery(
  { start, end }: ScheduleDocument,
  { interval, from: first }: Extract<WhenDocument, { kind: 'every' }>,
  from: number,
  to: number,
): number {
  const length = Number(interval)
  const origin = first === undefined ? 0 : Date.parse(first)
  const begin = Math.max(
    from,
    Date.now(),
    first === undefined ? 0 : origin,
    start === undefined ? 0 : Date.parse(start),
  )
  const over = Math.min(to, end === undefined ? to : Date.parse(end) + 1)
  return Math.max(0, Math.ceil((over - origin) / length) - Math.ceil((begin - origin) / length))
}

/** Weeks of the calendar. */
export const WEEKS = 5

/** So many weeks from a Monday on. */
export function weeksFrom(monday: Date, runs: readonly EntryRuns[], now: number): readonly (readonly Day[])[] {
  const [year, month, date] = [monday.getFullYear(), monday.getMonth(), monday.getDate()]
  return Array.from({ length: WEEKS }, (_, week) =>
    Array.from({ length: 7 }, (_unused, day) => dayOf(new Date(year, month, date + week * 7 + day), runs, now)),
  )
}

function dayOf(date: Date, runs: readonly EntryRuns[], now: number): Day {
  const from = date.getTime()
  const to = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
  const entries = runs
    .map(({ entry, countIn }) => ({ name: entry.name, count: countIn(from, to) }))
    .filter(({ count }) => count > 0)
    .toSorted((one, other) => other.count - one.count)
  return {
    date,
    isPast: to <= now,
    count: entries.reduce((sum, { count }) => sum + count, 0),
    isPartial: runs.some(({ knownUntil }) => knownUntil < to),
    entries,
  }
}

/** The Monday of the week of a date, `2026-12-01` in the URL; of this week where there is none. */
export function mondayOf(text: string | null, now: number): Date {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text ?? '') ?? []
  const at = year === undefined ? new Date(now) : new Date(Number(year), Number(month) - 1, Number(date))
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() - ((at.getDay() + 6) % 7))
}

/** The Monday so many weeks later, for the URL. */
export function mondayText(monday: Date, weeks: number): string {
  const other = new Date(monday.getFullYear(), monday.getMonth(), monday.getDate() + weeks * 7)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${other.getFullYear()}-${two(other.getMonth() + 1)}-${two(other.getDate())}`
}
