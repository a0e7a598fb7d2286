import type { Context, Hono } from 'hono'
import { type History, seqOf } from '../../backend/eventLog.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import { isFinal } from '../../protocol/states.ts'
import { StoreUnavailableError, UnknownJobError } from '../../std/errors.ts'
import { findHistory, missingJob } from '../access/jobAccess.ts'
import { isOutlined } from '../access/roles.ts'
import { findGroup } from '../access/workflowJobs.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { eventText } from '../output/eventFormat.ts'
import { eventStream } from '../output/eventStream.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { closingOf, hangUpOf } from '../server/shutdownSignal.ts'
import { groupEvents, hasGroupEnd } from './groupJob.ts'

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
  if (!history) return followGroup(c, scope, after)
  scope.durations.see(infoOf(history.meta))
  if (hasAll(history, after)) return noMoreEvents()
  return respondEvents(c, scope, (signal) => stepTexts(c, scope, after, signal))
}

/** A workflow that ends with a group has a job, and no record. */
async function followGroup(c: Context, scope: HttpScope, after: number): Promise<Response> {
  const group = await findGroup(c, scope)
  if (!group) return respondProblem(missingJob(c, scope), c.req.path)
  if (hasGroupEnd(group, after)) return noMoreEvents()
  return respondEvents(c, scope, (signal) => groupEvents(c, scope, group, after, signal))
}

function noMoreEvents(): Response {
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-cache' } })
}

/** The client knows the end: after an answer without a body an EventSource does not reconnect. */
function hasAll(history: History, after: number): boolean {
  return isFinal(history.meta.status) && seqOf(history) === after
}

async function* stepTexts(
  c: Context,
  scope: HttpScope,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const id = c.req.param('id') as string
  const isOutline = await isOutlined(c, scope, id)
  for await (const step of scope.jobs.follow(id, after, signal)) yield eventText(step, isOutline)
}

function respondEvents(
  c: Context,
  { app, heartbeat, metrics }: HttpScope,
  events: (signal: AbortSignal) => AsyncIterable<string>,
): Response {
  const id = c.req.param('id')
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
      app.config.logger.error({ err: error, job: id }, 'a stream of events failed')
    },
  }
  // Hono answers HEAD by the answer to GET, whose body would never be read.
  return new Response(c.req.method === 'HEAD' ? null : eventStream(source), { headers: STREAM_HEADERS })
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
