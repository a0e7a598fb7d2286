import type { Context, Hono } from 'hono'
import { type History, seqOf } from '../../backend/eventLog.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import { isFinal } from '../../protocol/states.ts'
import { StoreUnavailableError, UnknownJobError } from '../../std/errors.ts'
import { findHistory, missingJob } from '../access/jobAccess.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { eventText } from '../output/eventFormat.ts'
import { eventStream } from '../output/eventStream.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { closingOf, hangUpOf } from '../server/shutdownSignal.ts'

/** A compressor or proxy must neither change the stream (RFC 9111, 5.2.2.6) nor collect it: each event is for now. */
const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** `GET /jobs/{id}/events`: what happens to a job as server-sent events, from where the client was to the job's end. */
export function addEventRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id/events`
  api.get(path, (c) => follow(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD'))
}

async function follow(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, { last_event_id: parseEventId })
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  // A browser repeats the URL when it comes back, and says in the header how far it has come meanwhile.
  const header = c.req.header('last-event-id')
  const after = header ? headerEventId(header) : (query.values.last_event_id ?? 0)
  if (after === undefined) return respondProblem(wrongEventId(header), path)
  const history = await findHistory(c, scope)
  if (!history) return respondProblem(missingJob(c, scope), path)
  scope.durations.see(infoOf(history.meta))
  if (hasAll(history, after)) return new Response(null, { status: 204, headers: { 'cache-control': 'no-cache' } })
  // Hono answers HEAD by the answer to GET, whose body would never be read.
  const body = c.req.method === 'HEAD' ? null : bodyOf(c, scope, history.meta.task_id, after)
  return new Response(body, { headers: STREAM_HEADERS })
}

/** The client knows the end: after an answer without a body an EventSource does not reconnect. */
function hasAll(history: History, after: number): boolean {
  return isFinal(history.meta.status) && seqOf(history) === after
}

function bodyOf(
  c: Context,
  { app, jobs, heartbeat, metrics }: HttpScope,
  id: string,
  after: number,
): ReadableStream<Uint8Array> {
  return eventStream({
    heartbeat,
    closing: closingOf(c),
    hangUp: hangUpOf(c),
    async *events(signal) {
      if (metrics) metrics.streams++
      try {
        for await (const step of jobs.follow(id, after, signal)) yield eventText(step)
      } finally {
        if (metrics) metrics.streams--
      }
    },
    fail(error) {
      // The client reconnects by itself, and gets the reason as a problem then.
      if (error instanceof UnknownJobError || error instanceof StoreUnavailableError) return
      app.config.logger.error({ err: error, job: id }, 'a stream of events failed')
    },
  })
}

function headerEventId(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function parseEventId(text: string): number {
  const id = headerEventId(text)
  if (id === undefined) throw new RangeError('expected the id of an event, a whole number')
  return id
}

function wrongEventId(text: string | undefined): Problem {
  const detail = `expected the id of an event, a whole number, got ${JSON.stringify(text)}`
  return { kind: 'invalid-event-id', detail: `Last-Event-ID: ${detail}` }
}
