import type { Context, Hono } from 'hono'
import { type History, seqOf } from '../../backend/eventLog.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import { isFinal } from '../../protocol/states.ts'
import { findHistory, missingJob } from '../access/jobAccess.ts'
import { isOutlined } from '../access/roles.ts'
import { findGroup } from '../access/workflowJobs.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { lastEventId, parseEventId, respondEvents } from '../output/eventAnswer.ts'
import { eventText } from '../output/eventFormat.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'
import { groupEvents, hasGroupEnd } from './groupJob.ts'

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
  const after = lastEventId(c, query.values.last_event_id) ?? 0
  if (typeof after !== 'number') return respondProblem(after, path)
  const history = await findHistory(c, scope)
  if (!history) return followGroup(c, scope, after)
  scope.durations.see(infoOf(history.meta))
  if (hasAll(history, after)) return noMoreEvents()
  return respondEvents(c, scope, aboutOf(c), (signal) => stepTexts(c, scope, after, signal))
}

/** A workflow that ends with a group has a job, and no record. */
async function followGroup(c: Context, scope: HttpScope, after: number): Promise<Response> {
  const group = await findGroup(c, scope)
  if (!group) return respondProblem(missingJob(c, scope), c.req.path)
  if (hasGroupEnd(group, after)) return noMoreEvents()
  return respondEvents(c, scope, aboutOf(c), (signal) => groupEvents(c, scope, group, after, signal))
}

function aboutOf(c: Context): { readonly job: string | undefined } {
  return { job: c.req.param('id') }
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
