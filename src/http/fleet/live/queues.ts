import type { Context } from 'hono'
import { queueSizes } from '../../../app/knownQueues.ts'
import { MAX_PEEKED, peekQueue, type QueueMessage } from '../../../app/queues/peekQueue.ts'
import type {
  PurgedQueueDocument,
  QueueMessageDocument,
  QueueMessagesDocument,
} from '../../../protocol/queueDocument.ts'
import { NotSupportedError } from '../../../std/errors.ts'
import { hasRole, roleProblem } from '../../access/roles.ts'
import type { HttpScope } from '../../apiContext.ts'
import { readQuery, requireFlag, requireWhole } from '../../input/query.ts'
import { respondDocument } from '../../output/document.ts'
import { respondProblem } from '../../output/problem.ts'
import { changePause } from '../../routes/limits.ts'
import { auditDetails } from '../audit/audit.ts'
import { liveQueue, liveQueues, queuesChanged } from './queueView.ts'

const NAME = /^\P{Cc}+$/u
/** AMQP's longest name of a queue, bytes. */
const MAX_NAME = 255
const PEEK_READERS = { limit: requireWhole(MAX_PEEKED), content: requireFlag }
const PURGE_READERS = { dryRun: requireFlag }

/** `GET /queues`: for viewers. */
export async function listQueues(c: Context, { app }: HttpScope): Promise<Response> {
  const refused = roleProblem(c, 'viewer', 'to see queues') ?? unasked(c)
  return refused ? respondProblem(refused, c.req.path) : respondDocument(await liveQueues(app))
}

/** `GET /queues/{name}`: for viewers. */
export async function showQueue(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const refused = roleProblem(c, 'viewer', 'to see queues') ?? unasked(c)
  if (refused) return respondProblem(refused, path)
  const name = nameOf(c)
  const queue = name === undefined ? undefined : await liveQueue(app, name)
  if (queue) return respondDocument(queue)
  const detail = 'the app does not name this queue, no worker takes from it, and nothing waits in it'
  return respondProblem({ kind: 'not-found', detail }, path)
}

/** `POST /queues/{name}/pause`: as `PUT /pauses/queue/{name}`. */
export function pauseQueue(c: Context, scope: HttpScope): Promise<Response> {
  return changeQueue(c, scope, 'pause')
}

/** `POST /queues/{name}/resume`: as `DELETE /pauses/queue/{name}`. */
export function resumeQueue(c: Context, scope: HttpScope): Promise<Response> {
  return changeQueue(c, scope, 'resume')
}

async function changeQueue(c: Context, scope: HttpScope, doing: 'pause' | 'resume'): Promise<Response> {
  const answer = await changePause(c, scope, doing, { kind: 'queue', name: c.req.param('name') ?? '' })
  queuesChanged(scope.app)
  return answer
}

/**
 * `GET /queues/{name}/messages`: those that are served next, without taking them. For operators; content for admins.
 */
export async function peekMessages(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'operator', 'to peek into queues')
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, PEEK_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { limit, content: contents = false } = query.values
  if (contents && !hasRole(c, 'admin'))
    return respondProblem({ kind: 'forbidden', detail: 'the content of messages needs the scope admin' }, path)
  const name = nameOf(c)
  if (name === undefined) return respondProblem({ kind: 'not-found', detail: `nothing is at ${path}` }, path)
  try {
    const found = await peekQueue(app, name, { limit, contents })
    const now = app.config.clock.now()
    return respondDocument({
      messages: found.map((message) => messageDocument(message, now)),
    } satisfies QueueMessagesDocument)
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error
    return respondProblem({ kind: 'cannot-peek', detail: error.message }, path)
  }
}

/** `DELETE /queues/{name}/messages`: drop what waits or is delayed; their jobs are revoked. For admins. */
export async function purgeMessages(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'admin', 'to purge a queue')
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, PURGE_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const name = nameOf(c)
  if (name === undefined) return respondProblem({ kind: 'not-found', detail: `nothing is at ${path}` }, path)
  const { dryRun = false } = query.values
  const count = dryRun ? await waitingIn(app, name) : await app.purge(name)
  auditDetails(c, { count })
  queuesChanged(app)
  return respondDocument({ count, ...(dryRun && { dryRun }) } satisfies PurgedQueueDocument)
}

/** As a purge would: nothing waits in what is no queue, though the store may have something of that name. */
async function waitingIn(app: HttpScope['app'], name: string): Promise<number> {
  const { queues } = await queueSizes(app, [name])
  return queues[0]?.waiting ?? 0
}

function messageDocument({ since, ...message }: QueueMessage, now: number): QueueMessageDocument {
  const age = since && { since: since.toISOString(), age: Math.max(0, Math.round(now - since.getTime()) / 1000) }
  return { ...message, ...age } as QueueMessageDocument
}

function nameOf(c: Context): string | undefined {
  const name = c.req.param('name') ?? ''
  return NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME ? name : undefined
}

/** These take no parameters: one that is ignored misleads. */
function unasked(c: Context) {
  const query = readQuery(c.req.url, {})
  return query.kind === 'refused' ? query.problem : undefined
}
