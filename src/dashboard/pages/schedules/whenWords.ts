import type { CrontabFieldDocument, ScheduleDocument, WhenDocument } from '../../../protocol/scheduleDocument.ts'
import { dateTime } from '../../parts/text/format.ts'

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** ms as the API takes it: `30s`, `90m`. */
export function spanText(ms: number): string {
  const [unit, length] = UNITS.find(([, size]) => ms > 0 && ms % size === 0) ?? ['ms', 1]
  return `${ms / length}${unit}`
}

/** The time zone in which a schedule counts; undefined where it has none. */
export function zoneOf(when: WhenDocument): string | undefined {
  return when.kind === 'cron' || when.kind === 'crontab' ? (when.tz ?? 'UTC') : undefined
}

/** When it is due, for people: `Each day at 03:00, Europe/Berlin`. */
export function whenWords({ schedule, when }: Pick<ScheduleDocument, 'schedule' | 'when'>): string {
  switch (schedule.kind) {
    case 'every':
      return `Every ${typeof schedule.interval === 'number' ? spanText(schedule.interval) : schedule.interval}`
    case 'at':
      return `Once, on ${dateTime(schedule.date)}`
    case 'solar':
      return `At ${schedule.event.replaceAll('_', ' ')}, ${schedule.lat}°, ${schedule.lon}°`
    case 'cron':
      return plainCron(schedule.expression, schedule.tz) ?? when
    case 'crontab':
      return plainCron(fieldsOf(schedule), schedule.tz) ?? when
  }
}

function fieldsOf(schedule: Extract<WhenDocument, { kind: 'crontab' }>): string {
  const { minute, hour, dayOfMonth, monthOfYear, dayOfWeek } = schedule
  return [minute, hour, dayOfMonth, monthOfYear, dayOfWeek].map(fieldText).join(' ')
}

/** One field of a crontab as text; `*` where it is left out. */
export function fieldText(field: CrontabFieldDocument | undefined): string {
  return field === undefined ? '*' : Array.isArray(field) ? field.join(',') : String(field)
}

/** The common ones; undefined for others, which are shown as they are written. */
function plainCron(expression: string, zone = 'UTC'): string | undefined {
  const fields = expression.trim().split(/\s+/)
  const [minute = '', hour = '', date = '', month = '', weekday = ''] = fields
  if (fields.length !== 5 || date !== '*' || month !== '*') return undefined
  const step = /^\*\/(\d{1,2})$/.exec(minute)?.[1]
  const days = weekday === '*' ? 'day' : daysOf(weekday)
  if (days === undefined) return undefined
  if (hour === '*' && weekday === '*') {
    if (minute === '*') return 'Every minute'
    if (step !== undefined) return `Every ${step} minutes`
    return isNumber(minute) ? `Each hour at :${minute.padStart(2, '0')}, ${zone}` : undefined
  }
  if (!isNumber(minute) || !isNumber(hour)) return undefined
  return `Each ${days} at ${hour.padStart(2, '0')}:${minute.padStart(2, '0')}, ${zone}`
}

function isNumber(text: string): boolean {
  return /^\d{1,2}$/.test(text)
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

function daysOf(field: string): string | undefined {
  const names = field.split('-').map((part) => {
    const index = /^[0-7]$/.test(part) ? Number(part) : DAYS.findIndex((day) => day.slice(0, 3).toLowerCase() === part)
    return DAYS[index]
  })
  if (names.length > 2 || names.some((name) => name === undefined)) return undefined
  return names.length === 1 ? names[0] : `${names[0]} to ${names[1]}`
}

export const MISSED = {
  skip: 'None of them is sent',
  once: 'One is sent for all of them',
} as const

export const OVERLAP: Readonly<Record<ScheduleDocument['overlap'], string>> = {
  allow: 'The next is sent beside it',
  skip: 'The next is left out',
  queue: 'The next waits until it has ended',
  cancel: 'It is revoked, then the next is sent',
}

/** What happens to runs whose time passed while no beat ran. */
export function missedWords(missed: ScheduleDocument['missed']): string {
  return typeof missed === 'object' ? `The newest ${missed.all} are sent` : MISSED[missed]
}
