import { inPythonYears, isoTime } from '../../protocol/iso.ts'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'

/**
 * A moment given as a Date or as ISO 8601 text (UTC where it says no offset), in the years 1 to 9999. Throws
 * ArgumentError.
 */
export function dateOf(value: Date | string, where: string): Date {
  const date =
    value instanceof Date ? new Date(value) : new Date(typeof value === 'string' ? read(value, where) : Number.NaN)
  if (Number.isNaN(date.getTime()) || !inPythonYears(date)) {
    throw new ArgumentError(
      `${where}: expected a Date or an ISO 8601 text, in the years 1 to 9999, got ${shown(value)}`,
    )
  }
  return date
}

function read(text: string, where: string): number {
  try {
    return isoTime(text)
  } catch (cause) {
    throw new ArgumentError(`${where}: ${(cause as Error).message}`, { cause })
  }
}
