import { ArgumentError, DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { shown } from '../std/validate.ts'
import { encodePlain } from './encoding.ts'
import type { Envelope } from './envelope.ts'
import { ALL_CONTENT_TYPES, deserialize, write } from './serializer.ts'

/*
 * Celery's events (celery-wire §5.1): what happens in a cluster, sent to all that listen at the moment, at most once.
 * An event is an object; the events of tasks travel in lists.
 */

/** Topic exchange of the events. */
export const EVENT_EXCHANGE = 'celeryev'

/** How a receiver gets all events. */
export const EVENT_BINDING: { readonly exchange: string; readonly kind: 'fanout' } = {
  exchange: EVENT_EXCHANGE,
  kind: 'fanout',
}

/** Type of the event that asks recorders to forget jobs: `jobs` has ids, or an owner, a tag and names of tasks. */
export const JOBS_FORGOTTEN = 'jobs-forgotten'

/** Messages that a store keeps for one receiver that does not read them; those that follow are dropped. */
export const MAX_WAITING_EVENTS = 2000

/** Routing key of lists of task events. */
export const TASK_EVENTS_KEY = 'task.multi'

/**
 * Largest body that is read, in bytes or characters. A list of 100 failures with long tracebacks has half as much; the
 * JSON of a larger one would stop the receiver for tens of milliseconds.
 */
const MAX_BODY_LENGTH = 4 * 1024 * 1024

/** Events of one message that are read. Celery sends 24, celeriac 100. */
const MAX_EVENTS = 10_000

/** Name of a kind of task events: `task-`, then letters, digits, `-` and `_`. */
const TASK_EVENT_TYPE = /^task-[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

/** Longest fields of an event that a task sends, as JSON, in characters. */
const MAX_FIELDS_LENGTH = 65_536

/** What every event has, beside the fields of its type. */
export interface Event {
  /** As `task-received`, `worker-heartbeat`. */
  readonly type: string
  /** Its sender: a worker, or `gen123@host` for a caller. */
  readonly hostname: string
  /** Seconds since the epoch, by the clock of its sender. */
  readonly timestamp: number
  /** Lamport's clock of its sender: orders events whatever the clocks of their machines say. Absent in some. */
  readonly clock?: number
  readonly pid?: number
  /** The task, of a task event. */
  readonly uuid?: string
  readonly [field: string]: unknown
}

/** True for the name of a task event, also of one that Celery does not know. */
export function isTaskEventType(type: unknown): type is string {
  return typeof type === 'string' && TASK_EVENT_TYPE.test(type)
}

/**
 * A copy of the fields of an event that a task sends: the task may change them later. Throws ArgumentError for a type
 * that is not the task's own, and for fields that are too long; EncodeError for what is no JSON.
 */
export function customEventFields(type: unknown, fields: unknown): Readonly<Record<string, unknown>> {
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

/** The message of one event, or of a list of them in their order, all of the sender `hostname`. */
export function eventEnvelope(events: Event | readonly Event[], hostname: string): Envelope {
  const { body: written, contentType, contentEncoding } = write(events, 'json')
  return { headers: { hostname }, properties: { contentType, contentEncoding, deliveryMode: 1 }, body: written }
}

/**
 * What a message says: one event or a list of them, of any sender, so nothing is known of them. Throws DecodeError for
 * a message that cannot be read, or is too large.
 */
export function readEvents({ body, properties: { contentType, contentEncoding } }: Envelope): readonly unknown[] {
  if (body.length > MAX_BODY_LENGTH)
    throw new DecodeError(`events: expected at most ${MAX_BODY_LENGTH} bytes, got ${body.length}`)
  const read = deserialize(body, contentType, contentEncoding, ALL_CONTENT_TYPES)
  if (!Array.isArray(read)) return [read]
  if (read.length > MAX_EVENTS) throw new DecodeError(`events: expected at most ${MAX_EVENTS}, got ${read.length}`)
  return read
}
