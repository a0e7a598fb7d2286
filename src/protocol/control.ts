import { DecodeError } from '../std/errors.ts'
import { fnmatchGlob } from '../std/glob.ts'
import { isRecord } from '../std/isRecord.ts'
import type { Envelope } from './envelope.ts'
import { type SerializerName, write } from './serializer.ts'

/*
 * Remote control in Celery's pidbox format (celery-wire §5.2): requests to all workers by fanout, and their replies to
 * the queue of the sender.
 */

/** Fanout exchange of remote control. */
export const CONTROL_EXCHANGE = 'celery.pidbox'
/** Direct exchange of the replies. */
export const REPLY_EXCHANGE = 'reply.celery.pidbox'

/** How a worker receives all requests that are sent there. */
export const CONTROL_BINDING: { readonly exchange: string; readonly kind: 'fanout' } = {
  exchange: CONTROL_EXCHANGE,
  kind: 'fanout',
}

/** Longest address of replies, in characters: AMQP has no longer ones. */
const MAX_ADDRESS_LENGTH = 255

/** Longest pattern of host names that is matched, in characters. */
const MAX_PATTERN_LENGTH = 1000

/**
 * Queue of one worker's remote control. `instance` keeps two workers of one name apart: each must receive every
 * command.
 */
export function controlQueue(hostname: string, instance: string): string {
  return `${hostname}.${instance}.celery.pidbox`
}

/** Queue of the replies to one asker: `oid` is its address, the routing key of the replies. */
export function replyQueue(oid: string): string {
  return `${oid}.${REPLY_EXCHANGE}`
}

/** Where a reply goes. */
export interface ReplyTo {
  readonly exchange: string
  readonly routingKey: string
}

/** A command to workers. */
export interface ControlRequest {
  readonly method: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Host names of the workers that are meant; undefined: all, or those that fit the pattern. */
  readonly destination?: readonly string[]
  /** Host names that are meant, as `matcher` reads it. */
  readonly pattern?: string
  readonly matcher?: string
  /** Distinguishes the replies to one request from others. */
  readonly ticket?: string
  /** Undefined: no reply is wanted. */
  readonly replyTo?: ReplyTo
}

export interface ControlEnvelope {
  readonly envelope: Envelope
  readonly route: ReplyTo
}

/** What goes along with a message of remote control, as Celery has it. */
export interface ControlHeaders {
  /** The sender's logical clock. */
  readonly clock?: number
  /** When no answer is awaited any more, seconds since the epoch. */
  readonly expires?: number
}

/** The broadcast of a command. */
export function controlRequest(request: ControlRequest, headers: ControlHeaders = {}): ControlEnvelope {
  const { method, arguments: given, destination, pattern, matcher, ticket, replyTo } = request
  const body = {
    method,
    arguments: given,
    destination: destination ?? null,
    pattern: pattern ?? null,
    matcher: matcher ?? null,
    ...(replyTo && { ticket, reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey } }),
  }
  return { envelope: envelopeOf(body, { ...headers }, 'json'), route: { exchange: CONTROL_EXCHANGE, routingKey: '' } }
}

/** The broadcast that revokes a task, or all of these. */
export function revokeRequest(ids: string | readonly string[], terminate: boolean): ControlEnvelope {
  return controlRequest({ method: 'revoke', arguments: { task_id: ids, terminate, signal: 'SIGTERM' } })
}

/** How the answer of one worker is addressed and written. */
export interface ReplyOptions {
  readonly hostname: string
  readonly ticket: unknown
  readonly to: ReplyTo
  readonly serializer: SerializerName
  /** The worker's logical clock. 0 leaves the reader's as it is. */
  readonly clock?: number
}

/** The answer of one worker. */
export function controlReply(
  value: unknown,
  { hostname, ticket, to, serializer, clock = 0 }: ReplyOptions,
): ControlEnvelope {
  return { envelope: envelopeOf({ [hostname]: value }, { ticket, clock }, serializer), route: to }
}

function envelopeOf(body: unknown, headers: Readonly<Record<string, unknown>>, serializer: SerializerName): Envelope {
  const { body: written, contentType, contentEncoding } = write(body, serializer)
  return { headers, properties: { contentType, contentEncoding, deliveryMode: 1 }, body: written }
}

/** Read a decoded request. Throws DecodeError for what is none. */
export function readRequest(body: unknown): ControlRequest {
  if (!isRecord(body) || typeof body.method !== 'string')
    throw new DecodeError('control request: expected an object with a method')
  const { method, arguments: given, destination, pattern, matcher, ticket, reply_to } = body
  return {
    method,
    arguments: isRecord(given) ? given : {},
    destination: textsOf(destination),
    pattern: textOf(pattern),
    matcher: textOf(matcher),
    ticket: textOf(ticket),
    replyTo: replyToOf(reply_to),
  }
}

/** Read a decoded reply: the answers by host name. Throws DecodeError for what is none. */
export function readReply(body: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(body)) return body
  throw new DecodeError('control reply: expected an object of host names')
}

/** One text or a list of them; undefined for none, which means all workers. */
function textsOf(value: unknown): readonly string[] | undefined {
  const texts = Array.isArray(value) ? value : [value]
  const given = texts.filter((text) => typeof text === 'string')
  return given.length > 0 ? given : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * Only where replies go: a request must not make workers write into other exchanges or queues. Throws DecodeError for
 * any other address.
 */
function replyToOf(value: unknown): ReplyTo | undefined {
  if (!isRecord(value) || typeof value.routing_key !== 'string') return undefined
  const { exchange, routing_key: routingKey } = value
  if (exchange === REPLY_EXCHANGE && routingKey.length <= MAX_ADDRESS_LENGTH) return { exchange, routingKey }
  throw new DecodeError(
    `control request: expected replies to ${REPLY_EXCHANGE} with a routing key of at most ${MAX_ADDRESS_LENGTH} characters`,
  )
}

/** Whether a flag of a command is set: whatever Python takes for true. Flower sends 1. */
export function isSet(flag: unknown): boolean {
  return Boolean(flag) && !(typeof flag === 'object' && Object.keys(flag as object).length === 0)
}

/** The answer of `terminate`, and of commands that do it: ids of those that run. */
export function terminated(ids: readonly string[]): { readonly ok: string } {
  return { ok: `terminate: ${ids.join(', ') || 'tasks unknown'}` }
}

/**
 * True when this worker is meant. Throws DecodeError for a matcher that is not supported, or a pattern that is too
 * long.
 */
export function isMeant({ destination, pattern, matcher }: ControlRequest, hostname: string): boolean {
  if (destination) return destination.includes(hostname)
  if (pattern === undefined || matcher === undefined) return true
  if (matcher !== 'glob') throw new DecodeError(`control request: ${refusalOf(matcher)}`)
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new DecodeError(
      `control request: expected a pattern of at most ${MAX_PATTERN_LENGTH} characters, got ${pattern.length}`,
    )
  }
  return fnmatchGlob(pattern).matches(hostname)
}

function refusalOf(matcher: string): string {
  // A regular expression can be written so that matching it takes minutes, in which the worker does nothing else.
  if (matcher === 'pcre') return 'the matcher pcre is not supported, as its pattern could stop a worker: use glob'
  return `expected the matcher glob, got ${JSON.stringify(matcher.slice(0, 80))}`
}

/** Longest id that is remembered, in characters. */
export const MAX_ID_LENGTH = 1000

/** A fraction of a second, so that a time is never a whole number: Python must read it as a float. */
const FRACTION = 0.5

/**
 * Revoked ids as workers exchange them: each with when it was revoked. That is `seconds` here, by the clock of Python's
 * workers: since the start of the machine. They forget an id hours after that.
 */
export function revokedData(
  ids: readonly string[],
  seconds: number,
): Readonly<Record<string, readonly [number, string]>> {
  return Object.fromEntries(ids.map((id) => [id, [Math.floor(seconds) + FRACTION, id] as const]))
}

/** The ids of them: of an object, or of a list. */
export function readRevoked(revoked: unknown): readonly string[] {
  const ids = Array.isArray(revoked) ? revoked : isRecord(revoked) ? Object.keys(revoked) : []
  return ids.filter((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH)
}
