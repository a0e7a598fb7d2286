import type { Context, Hono } from 'hono'
import { isFinal } from '../../protocol/states.ts'
import type { WorkflowTree } from '../../protocol/workflowTree.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { missingJob } from '../access/jobAccess.ts'
import { findTree } from '../access/treeAccess.ts'
import type { HttpScope } from '../apiContext.ts'
import { eventStream } from '../output/eventStream.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'
import { changeOf, hasEnded, LAST_ID, STREAM_HEADERS, treeText } from '../output/treeEvents.ts'
import { closingOf, hangUpOf } from '../server/shutdownSignal.ts'

/** ms between two reads of a workflow that changes all the time, and longest time without one. */
const MIN_PAUSE_MS = 200
const MAX_PAUSE_MS = 5_000

/** `GET /jobs/{id}/workflow`: the tree of a workflow, as it is now, or with its changes as server-sent events. */
export function addTreeRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id/workflow`
  api.get(path, (c) => show(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD'))
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const tree = await findTree(c, scope)
  if (!tree) return respondProblem(missingJob(c, scope), c.req.path)
  if (wantsEvents(c.req.header('accept'))) return stream(c, scope, tree)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-cache',
    vary: 'Accept',
  }
  if (!hasEnded(tree)) headers['retry-after'] = '1'
  return new Response(JSON.stringify(tree), { headers })
}

function wantsEvents(accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|[\s,])text\/event-stream(?:$|[\s,;])/i.test(accept)
}

function stream(c: Context, scope: HttpScope, first: WorkflowTree): Response {
  // The client knows the end: after an answer without a body an EventSource does not reconnect.
  if (c.req.header('last-event-id') === LAST_ID)
    return new Response(null, { status: 204, headers: { 'cache-control': 'no-cache', vary: 'Accept' } })
  const { metrics, heartbeat, app } = scope
  const body = eventStream({
    heartbeat,
    closing: closingOf(c),
    hangUp: hangUpOf(c),
    async *events(signal) {
      if (metrics) metrics.streams++
      try {
        yield* eventsOf(c, scope, first, signal)
      } finally {
        if (metrics) metrics.streams--
      }
    },
    fail(error) {
      if (error instanceof StoreUnavailableError) return
      app.config.logger.error({ err: error, job: first.id }, 'a stream of a workflow failed')
    },
  })
  return new Response(c.req.method === 'HEAD' ? null : body, { headers: STREAM_HEADERS })
}

/** The tree, then what has changed in it, until it has ended, or cannot be seen any more. */
async function* eventsOf(
  c: Context,
  scope: HttpScope,
  first: WorkflowTree,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  yield treeText(first)
  let known = first
  while (!hasEnded(known) && !signal.aborted) {
    const open = known.nodes.filter(({ kind, state }) => kind === 'task' && !isFinal(state))
    await scope.jobs.nextChange(new Map(open.map(({ id, state }) => [id, state])), MAX_PAUSE_MS, signal)
    await scope.jobs.pause(MIN_PAUSE_MS, signal)
    const now = signal.aborted ? undefined : await findTree(c, scope)
    if (!now) return
    const change = changeOf(known, now)
    if (change !== undefined) yield change
    known = now
  }
}
