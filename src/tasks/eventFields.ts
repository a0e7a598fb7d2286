import { encodePlain } from '../protocol/encoding.ts'
import { isTaskEventType } from '../protocol/event.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { shown } from '../std/validate.ts'

/** Longest fields of an event that a task sends, as JSON, in characters. */
const MAX_FIELDS_LENGTH = 65_536

/**
 * A copy of the fields of an event that a task sends, which it may change later. Throws ArgumentError for a type that
 * is not the task's own, and for fields that are too long; EncodeError for what is no JSON.
 */
export function eventFields(type: unknown, fields: unknown): Readonly<Record<string, unknown>> {
  if (!isTaskEventType(type))
    throw new ArgumentError(
      `sendEvent: expected a type as 'task-progress', of at most 105 characters, got ${shown(type)}`,
    )
  if (!isRecord(fields)) throw new ArgumentError(`sendEvent: expected an object of fields, got ${shown(fields)}`)
  const text = JSON.stringify(encodePlain(fields, 'fields', 'json'))
  if (text.length > MAX_FIELDS_LENGTH)
    throw new ArgumentError(`sendEvent: expected at most ${MAX_FIELDS_LENGTH} characters of JSON, got ${text.length}`)
  return JSON.parse(text)
}
