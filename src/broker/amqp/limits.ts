import type { Envelope } from '../../protocol/envelope.ts'
import { ArgumentError } from '../../std/errors.ts'
import type { Route } from '../broker.ts'

/** Bytes of a name on the wire (AMQP's short string). */
const LONGEST = 255
/** No character takes more bytes than this. */
const WIDEST = 3

/** Throws ArgumentError for a route that the protocol cannot carry: the client library would end its channel by it. */
export function checkRoute({ exchange, routingKey }: Route): void {
  checkName(exchange, 'exchange')
  checkName(routingKey, exchange === '' ? 'queue' : 'routing key')
}

/** The same for what a message says beside its body. */
export function checkProperties({ headers, properties }: Envelope): void {
  const { contentType, contentEncoding, correlationId = '', replyTo = '', priority = 0 } = properties
  for (const [name, value] of Object.entries({ contentType, contentEncoding, correlationId, replyTo }))
    checkName(value, name)
  for (const name of Object.keys(headers)) checkName(name, 'header')
  if (!Number.isInteger(priority) || priority < 0 || priority > 255)
    throw new ArgumentError(`RabbitMQ: priority: expected a whole number from 0 to 255, got ${priority}`)
}

function checkName(value: string, what: string): void {
  if (value.length * WIDEST <= LONGEST) return
  const bytes = Buffer.byteLength(value)
  if (bytes <= LONGEST) return
  throw new ArgumentError(`RabbitMQ: ${what}: expected at most 255 bytes, got ${bytes}: ${value.slice(0, 60)}…`)
}
