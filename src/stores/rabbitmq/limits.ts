import type { Route } from '../../broker/broker.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { ArgumentError } from '../../std/errors.ts'

/** AMQP writes the length of names and of a message's properties in one byte. */
const MAX_SHORT_STRING_BYTES = 255
/** A worker's name is part of a queue's (`<name>.<uuid>.celery.pidbox`) and of consumer tags. */
const MAX_NAME_BYTES = 200
/** The longest time that the server keeps a message with an expiration, ms: 32 bits. */
const MAX_EXPIRATION_MS = 0xffff_ffff
const MAX_CHARACTER_BYTES = 3
const MAX_SHOWN_LENGTH = 40

/** Throws ArgumentError for a text of more than 255 bytes, which AMQP cannot contain. */
export function requireShort(text: string, what: string, most: number = MAX_SHORT_STRING_BYTES): void {
  if (text.length * MAX_CHARACTER_BYTES <= most) return
  const bytes = Buffer.byteLength(text)
  if (bytes <= most) return
  const begin = JSON.stringify(`${text.slice(0, MAX_SHOWN_LENGTH)}…`)
  throw new ArgumentError(`RabbitMQ: ${what}: expected at most ${most} bytes, got ${bytes}: ${begin}`)
}

/** The same for the name of a worker. */
export function requireName(name: string): void {
  requireShort(name, 'name of a worker', MAX_NAME_BYTES)
}

/** Throws ArgumentError for a message whose names or properties AMQP cannot contain. */
export function requireSendable({ headers, properties }: Envelope, { exchange, routingKey }: Route): void {
  requireShort(exchange, 'exchange')
  requireShort(routingKey, exchange === '' ? 'queue' : 'routing key')
  const { contentType, contentEncoding, correlationId, replyTo, priority, expiration } = properties
  requireShort(contentType, 'content type')
  requireShort(contentEncoding, 'content encoding')
  if (correlationId !== undefined) requireShort(correlationId, 'task id')
  if (replyTo !== undefined) requireShort(replyTo, 'queue of replies')
  // A task with its expiry in a header is sent without the property (`writeProperties`).
  if (expiration !== undefined && typeof headers.expires !== 'string') requireExpiration(expiration)
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 255))
    throw new ArgumentError(`RabbitMQ: priority: expected a whole number from 0 to 255, got ${priority}`)
  requireNames(headers)
}

/** Names within headers have the same limit. */
function requireNames(headers: object): void {
  for (const [name, value] of Object.entries(headers)) {
    requireShort(name, 'name of a header')
    if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) requireNames(value)
  }
}

function requireExpiration(expiration: unknown): void {
  const text = String(expiration)
  if (/^\d+$/.test(text) && Number(text) <= MAX_EXPIRATION_MS) return
  const got = JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH))
  throw new ArgumentError(
    `RabbitMQ: expiration: expected whole milliseconds from 0 to ${MAX_EXPIRATION_MS}, got ${got}`,
  )
}
