import type { Context } from 'hono'
import { StoreUnavailableError, UnknownJobError } from '../../std/errors.ts'
import type { HttpScope } from '../apiContext.ts'
import { closingOf, hangUpOf } from '../server/shutdownSignal.ts'
import { eventStream } from './eventStream.ts'
import type { Problem } from './problem.ts'

/** A compressor or proxy must neither change the stream (RFC 9111, 5.2.2.6) nor collect it: each event is for now. */
const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** The answer that is a stream of events, each as it is written. `about`: what they are of, for the log. */
export function respondEvents(
  c: Context,
  { app, heartbeat, metrics }: HttpScope,
  about: Readonly<Record<string, unknown>>,
  events: (signal: AbortSignal) => AsyncIterable<string>,
): Response {
  const source = {
    heartbeat,
    closing: closingOf(c),
    hangUp: hangUpOf(c),
    async *events(signal: AbortSignal) {
      if (metrics) metrics.streams++
      try {
        yield* events(signal)
      } finally {
        if (metrics) metrics.streams--
      }
    },
    fail(error: unknown) {
      // The client reconnects by itself, and gets the reason as a problem then.
      if (error instanceof UnknownJobError || error instanceof StoreUnavailableError) return
      app.config.logger.error({ err: error, ...about }, 'a stream of events failed')
    },
  }
  // Hono answers HEAD by the answer to GET, whose body would never be read.
  return new Response(c.req.method === 'HEAD' ? null : eventStream(source), { headers: STREAM_HEADERS })
}

/**
 * How far the client has come: a browser repeats the URL when it comes back, and says in the header how far it has come
 * meanwhile. A problem for a header that is no number.
 */
export function lastEventId(c: Context, ofUrl: number | undefined): number | undefined | Problem {
  const header = c.req.header('last-event-id')
  if (!header) return ofUrl
  const detail = `expected the id of an event, a whole number, got ${JSON.stringify(header)}`
  return eventIdIn(header) ?? { kind: 'invalid-event-id', detail: `Last-Event-ID: ${detail}` }
}

/** Reads the parameter `last_event_id`. */
export function parseEventId(text: string): number {
  const id = eventIdIn(text)
  if (id === undefined) throw new RangeError('expected the id of an event, a whole number')
  return id
}

function eventIdIn(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
