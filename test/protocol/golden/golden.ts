import { join } from 'node:path'
import type { Envelope } from '../../../src/protocol/envelope.ts'
import { output } from '../../command.ts'

/** A message as Celery's virtual transports hold it. */
export interface RawMessage {
  body: string
  'content-type': string
  'content-encoding': string
  headers: Record<string, unknown>
  properties: { correlation_id: string; reply_to: string; priority?: number; expiration?: string; delivery_mode: 1 | 2 }
}

export interface Captured {
  messages: Record<string, RawMessage>
  metas: Record<string, string>
}

const PYTHON = '/usr/bin/python3'

/** What the installed Python Celery wrote just now. Fails where it is not installed. */
export async function capture(): Promise<Captured> {
  return JSON.parse(await output(PYTHON, [join(import.meta.dirname, 'capture.py')])) as Captured
}

/** What a Celery worker sees in our envelopes. */
export async function readByPython(envelopes: readonly Envelope[]): Promise<Record<string, unknown>[]> {
  const input = envelopes.map(({ headers, properties, body }) => ({
    headers,
    properties: {
      correlation_id: properties.correlationId,
      reply_to: properties.replyTo,
      priority: properties.priority,
    },
    body: Buffer.from(body as string).toString('base64'),
    content_type: properties.contentType,
    content_encoding: properties.contentEncoding,
  }))
  const printed = await output(PYTHON, [join(import.meta.dirname, 'read.py')], { input: JSON.stringify(input) })
  return JSON.parse(printed) as Record<string, unknown>[]
}

export function envelopeOf(raw: RawMessage): Envelope {
  const { correlation_id, reply_to, priority, expiration, delivery_mode } = raw.properties
  return {
    headers: raw.headers,
    properties: {
      contentType: raw['content-type'],
      contentEncoding: raw['content-encoding'],
      correlationId: correlation_id,
      replyTo: reply_to,
      priority,
      expiration,
      deliveryMode: delivery_mode,
    },
    body: new Uint8Array(Buffer.from(raw.body, 'base64')),
  }
}
