import type {
  NewScheduleDocument,
  OverlapDocument,
  ScheduleChangeDocument,
  ScheduleDocument,
  WhenDocument,
} from '../../../protocol/scheduleDocument.ts'
import { readJson } from '../../parts/ask/jsonField.tsx'
import { jsonText } from '../../parts/text/jsonText.ts'
import { isoOf, localOf } from '../../parts/text/localTime.ts'
import { fieldText, spanText } from './whenWords.ts'

/** What the form holds: texts, as they are typed. */
export interface Draft {
  readonly name: string
  readonly kind: WhenDocument['kind']
  readonly expression: string
  readonly minute: string
  readonly hour: string
  readonly dayOfWeek: string
  readonly dayOfMonth: string
  readonly monthOfYear: string
  readonly tz: string
  readonly interval: string
  /** As a field for date and time has it, in the time zone of the browser; so are `date`, `start` and `end`. */
  readonly from: string
  readonly date: string
  readonly event: string
  readonly lat: string
  readonly lon: string
  readonly task: string
  readonly args: string
  readonly kwargs: string
  readonly queue: string
  /** Other options of the call, JSON. */
  readonly options: string
  readonly missed: 'skip' | 'once' | 'all'
  readonly missedCount: string
  readonly overlap: OverlapDocument
  readonly jitter: string
  readonly start: string
  readonly end: string
}

export const EMPTY: Draft = {
  ...{ name: '', kind: 'cron', expression: '0 3 * * *', tz: 'UTC', interval: '15m', from: '', date: '' },
  ...{ minute: '*', hour: '*', dayOfWeek: '*', dayOfMonth: '*', monthOfYear: '*' },
  ...{ event: 'sunset', lat: '', lon: '', task: '', args: '[]', kwargs: '{}', queue: '', options: '{}' },
  ...{ missed: 'once', missedCount: '10', overlap: 'allow', jitter: '', start: '', end: '' },
}

/** The form of an entry as it is. */
export function draftOf(entry: ScheduleDocument): Draft {
  const { name, schedule, task, args = [], kwargs = {}, options, missed, overlap, jitter, start, end } = entry
  const { queue, ...others } = options
  return {
    ...EMPTY,
    ...whenDraft(schedule),
    ...{ name, task, args: jsonText(args), kwargs: jsonText(kwargs), overlap },
    ...{ queue: typeof queue === 'string' ? queue : '', options: jsonText(others) },
    missed: typeof missed === 'object' ? 'all' : missed,
    ...(typeof missed === 'object' && { missedCount: String(missed.all) }),
    jitter: jitter === 0 ? '' : spanText(jitter),
    ...{ start: localOf(start), end: localOf(end) },
  }
}

function whenDraft(when: WhenDocument): Partial<Draft> {
  const { kind } = when
  switch (when.kind) {
    case 'cron':
      return { kind, expression: when.expression, tz: when.tz ?? 'UTC' }
    case 'crontab': {
      const { minute, hour, dayOfWeek, dayOfMonth, monthOfYear, tz = 'UTC' } = when
      return {
        ...{ kind, tz, minute: fieldText(minute), hour: fieldText(hour), dayOfWeek: fieldText(dayOfWeek) },
        ...{ dayOfMonth: fieldText(dayOfMonth), monthOfYear: fieldText(monthOfYear) },
      }
    }
    case 'every': {
      const { interval, from } = when
      return { kind, interval: typeof interval === 'number' ? spanText(interval) : interval, from: localOf(from) }
    }
    case 'at':
      return { kind, date: localOf(when.date) }
    case 'solar':
      return { kind, event: when.event, lat: String(when.lat), lon: String(when.lon) }
  }
}

/** Its times, as the API takes them. */
export function whenOf(draft: Draft): WhenDocument {
  const { kind, tz } = draft
  const zone = tz.trim() === '' ? {} : { tz: tz.trim() }
  switch (kind) {
    case 'cron':
      return { kind, expression: draft.expression, ...zone }
    case 'crontab': {
      const { minute, hour, dayOfWeek, dayOfMonth, monthOfYear } = draft
      return { kind, minute, hour, dayOfWeek, dayOfMonth, monthOfYear, ...zone }
    }
    case 'every':
      return { kind, interval: draft.interval.trim(), ...(draft.from !== '' && { from: isoOf(draft.from) }) }
    case 'at':
      return { kind, date: isoOf(draft.date) }
    case 'solar':
      return { kind, event: draft.event, lat: degrees(draft.lat), lon: degrees(draft.lon) }
  }
}

/** What the server is asked for to show its next moments. */
export function momentsAsked(draft: Draft): {
  readonly when: WhenDocument
  readonly start?: Date
  readonly end?: Date
} {
  const [start, end] = [Date.parse(draft.start), Date.parse(draft.end)]
  return {
    when: whenOf(draft),
    ...(!Number.isNaN(start) && { start: new Date(start) }),
    ...(!Number.isNaN(end) && { end: new Date(end) }),
  }
}

/** Text that is no number goes to the server as none, which says what it expects. */
function degrees(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text.replace(',', '.'))
}

/** Members of a change that the form has. */
type Member = Exclude<keyof ScheduleChangeDocument, 'input'>
const MEMBERS: Readonly<Record<Member, (draft: Draft) => unknown>> = {
  schedule: whenOf,
  task: ({ task }) => task.trim(),
  args: ({ args }) => jsonOf(args),
  kwargs: ({ kwargs }) => jsonOf(kwargs),
  options: ({ queue, options }) => ({
    ...(jsonOf(options) as object | undefined),
    ...(queue.trim() !== '' && { queue: queue.trim() }),
  }),
  missed: ({ missed, missedCount }) => (missed === 'all' ? { all: Number(missedCount) } : missed),
  overlap: ({ overlap }) => overlap,
  jitter: ({ jitter }) => (jitter.trim() === '' ? 0 : jitter.trim()),
  start: ({ start }) => (start === '' ? null : isoOf(start)),
  end: ({ end }) => (end === '' ? null : isoOf(end)),
}
const NAMES = Object.keys(MEMBERS) as Member[]

/** The document of a new entry. */
export function newEntryOf(draft: Draft): NewScheduleDocument {
  const members = NAMES.map((name) => [name, MEMBERS[name](draft)])
  return { name: draft.name, ...Object.fromEntries(members) } as NewScheduleDocument
}

/** What differs from the form as it was; undefined: nothing. Arguments go with another task, which has them checked. */
export function changeOf(before: Draft, draft: Draft): ScheduleChangeDocument | undefined {
  const changed = NAMES.filter((name) => memberText(name, before) !== memberText(name, draft))
  if (changed.length === 0) return undefined
  const isCall = changed.some((name) => name === 'task' || name === 'args' || name === 'kwargs')
  const names = new Set<Member>([...changed, ...(isCall ? (['args', 'kwargs'] as const) : [])])
  return Object.fromEntries([...names].map((name) => [name, MEMBERS[name](draft)]))
}

/** The members that are not the same in two forms, each with both texts. */
export function differences(one: Draft, other: Draft): readonly (readonly [Member, string, string])[] {
  return NAMES.map((name) => [name, memberText(name, one), memberText(name, other)] as const).filter(
    ([, first, second]) => first !== second,
  )
}

function memberText(name: Member, draft: Draft): string {
  const text = { args: draft.args, kwargs: draft.kwargs }[name as 'args' | 'kwargs']
  return text === undefined ? jsonText(MEMBERS[name](draft)) : jsonText(jsonOf(text))
}

function jsonOf(text: string): unknown {
  const read = readJson(text)
  return read.fault === undefined ? read.value : undefined
}
