import { ArgumentError, DecodeError } from '../std/errors.ts'

/* Moments as ISO 8601 text, as Python writes and reads it. */

/** True for a moment that Python's datetime can hold: the years 1 to 9999. */
export function inPythonYears(date: Date): boolean {
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999
}

/**
 * A moment as Python writes it: `2026-01-02T03:04:05.123000+00:00`, without a fraction where that is zero.
 * Always six digits: Celery's own parser reads `.123` as 123 microseconds. Throws ArgumentError outside the years 1
 * to 9999.
 */
export function pythonIso(date: Date): string {
  if (!inPythonYears(date)) throw new ArgumentError(`expected a Date in the years 1 to 9999, got ${date}`)
  const iso = date.toISOString()
  const fraction = iso.slice(20, 23)
  return `${iso.slice(0, 19)}${fraction === '000' ? '' : `.${fraction}000`}+00:00`
}

const ISO_TIME =
  /^(\d{4}-\d{2}-(\d{2}))(?:[T ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d+))?(?:Z|([+-])(\d{2}):?(\d{2})?(?::?(\d{2}(?:\.\d+)?))?)?)?$/i

/** Milliseconds since the epoch of an ISO 8601 text; without an offset it is UTC, as in Celery. Throws DecodeError. */
export function isoTime(text: string): number {
  const [, date, day, time = '00:00', seconds = ':00', fraction = '', sign, hours, minutes = '0', rest = '0'] =
    ISO_TIME.exec(text) ?? []
  const utc = new Date(`${date}T${time}${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`)
  if (Number.isNaN(utc.getTime()) || utc.getUTCDate() !== Number(day)) {
    throw new DecodeError(`expected an ISO 8601 time, got ${JSON.stringify(text.slice(0, 80))}`)
  }
  const offset = sign === undefined ? 0 : Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)
  return utc.getTime() - Math.round(offset * 1000) * (sign === '-' ? -1 : 1)
}
