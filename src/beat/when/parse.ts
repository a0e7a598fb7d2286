import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import { at } from './at.ts'
import { cron } from './cron.ts'
import { crontab } from './crontab.ts'
import { every } from './every.ts'
import type { AtSpec, CronSpec, CrontabSpec, EverySpec, Schedule, ScheduleSpec, SolarSpec } from './schedule.ts'
import { solar } from './solar.ts'

/* Each checks the types of its values itself: what is read here may have any. */
const READERS: Readonly<Record<ScheduleSpec['kind'], (spec: Record<string, unknown>) => Schedule>> = {
  cron: (spec) => {
    const { expression, ...options } = spec as Omit<CronSpec, 'kind'>
    return cron(expression, options)
  },
  crontab: (spec) => crontab(spec as Omit<CrontabSpec, 'kind'>),
  every: (spec) => {
    const { interval, ...options } = spec as Omit<EverySpec, 'kind'>
    return every(interval, options)
  },
  at: (spec) => {
    const { date, ...rest } = spec as Omit<AtSpec, 'kind'>
    refuseUnknown(rest, new Set(), 'at')
    return at(date)
  },
  solar: (spec) => {
    const { event, lat, lon, ...rest } = spec as Omit<SolarSpec, 'kind'>
    refuseUnknown(rest, new Set(), 'solar')
    return solar(event, lat, lon)
  },
}

/** Reads back what `toJSON` wrote. Throws ArgumentError for anything else, saying what is wrong with it. */
export function scheduleFrom(spec: unknown): Schedule {
  const { kind, ...rest } = (typeof spec === 'object' && spec !== null ? spec : {}) as Record<string, unknown>
  const kinds = Object.keys(READERS)
  if (typeof kind !== 'string' || !Object.hasOwn(READERS, kind)) {
    throw new ArgumentError(`schedule: expected data with a kind (${kinds.join(', ')}), got ${shown(kind ?? spec)}`)
  }
  return READERS[kind as ScheduleSpec['kind']](rest)
}
