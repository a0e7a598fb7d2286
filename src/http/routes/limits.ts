import type { Context, Hono } from 'hono'
import type { LimitState, LimitTarget } from '../../app/limits/limits.ts'
import { subjectOf } from '../../config/task/limitPlan.ts'
import { rateText } from '../../config/taskValues.ts'
import type { LimitDocument } from '../../protocol/limitDocument.ts'
import type { LimitName } from '../../protocol/limits.ts'
import { ArgumentError, NotSupportedError } from '../../std/errors.ts'
import { roleProblem } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag, requireLimit, requireWord, wrongParameter } from '../input/query.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'

const DEFAULT_LIMIT = 50
const LIST_READERS = { rule: requireWord, paused: requireFlag, limit: requireLimit, cursor: parseCursor }
const KEY_READERS = { key: requireWord }

/**
 * `GET /limits`: what is limited, held back or paused. `PUT` and `DELETE /pauses/{kind}/{name}`: pause a queue, a task,
 * one key of it, or a shared limit, and resume it. For viewers, and for operators, and only where there is
 * authentication or a fleet: they are about all that runs, exposed or not.
 */
export function addLimitRoutes(api: Hono, base: string, scope: HttpScope): void {
  const limits = `${base}/limits`
  api.get(limits, (c) => list(c, scope))
  api.all(limits, methodNotAllowed('GET, HEAD'))
  const pauses = `${base}/pauses/:kind/:name`
  api.put(pauses, (c) => change(c, scope, 'pause'))
  api.delete(pauses, (c) => change(c, scope, 'resume'))
  api.all(pauses, methodNotAllowed('PUT, DELETE'))
}

async function list(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'viewer', 'to see limits')
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, LIST_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { rule, paused, limit = DEFAULT_LIMIT, cursor: after } = query.values
  try {
    const found = await app.limits.list({ rule, paused, limit, after })
    const last = found.length === limit ? found.at(-1) : undefined
    const cursor = last && formatCursor(last)
    const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    if (cursor !== undefined) {
      const next = new URLSearchParams(new URL(c.req.url).search)
      next.set('cursor', cursor)
      headers.link = `<${baseOf(path, 1)}/limits?${next}>; rel="next"`
    }
    return new Response(JSON.stringify({ limits: found.map(documentOf), cursor }), { headers })
  } catch (error) {
    return respondRefusal(error, c)
  }
}

function change(c: Context, scope: HttpScope, doing: 'pause' | 'resume'): Promise<Response> {
  const { kind, name = '' } = c.req.param() as { readonly kind?: string; readonly name?: string }
  return changePause(c, scope, doing, { kind, name })
}

/** Pause or resume the queue, task or limit of this kind and name; `key` of the query: one key of a task. */
export async function changePause(
  c: Context,
  { app }: HttpScope,
  doing: 'pause' | 'resume',
  { kind, name }: { readonly kind: string | undefined; readonly name: string },
): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'operator', `to ${doing}`)
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, KEY_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const target = targetOf(kind, name, query.values.key)
  if (!target) return respondProblem({ kind: 'not-found', detail: `nothing is at ${path}` }, path)
  if (kind !== 'task' && query.values.key !== undefined)
    return respondProblem(wrongParameter('key', `expected none for a ${kind}: only tasks have keys`), path)
  try {
    await app.limits[doing](target)
    return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
  } catch (error) {
    return respondRefusal(error, c)
  }
}

/** Undefined for what cannot be the path of one. */
function targetOf(kind: string | undefined, name: string, key: string | undefined): LimitTarget | undefined {
  if (!/^\P{Cc}{1,255}$/u.test(name)) return undefined
  if (kind === 'queue') return { queue: name }
  if (kind === 'limit') return { limit: name }
  if (kind !== 'task') return undefined
  return key === undefined ? { task: name } : { task: name, key }
}

function respondRefusal(error: unknown, c: Context): Response {
  const { path } = c.req
  if (error instanceof NotSupportedError) return respondProblem({ kind: 'cannot-limit', detail: error.message }, path)
  if (!(error instanceof ArgumentError)) throw error
  // The key of a task without keys, or a name that no limit has.
  const problem = c.req.query('key') === undefined ? undefined : wrongParameter('key', error.message)
  return respondProblem(problem ?? { kind: 'not-found', detail: error.message }, path)
}

function documentOf(state: LimitState): LimitDocument {
  const { rule, key, limit, held, waiting, paused, until, breaker } = state
  const { kind, name } = subjectOf(state)
  return {
    ...{ rule, key, kind, name, held, waiting, paused },
    ...(limit?.concurrency !== undefined && { concurrency: limit.concurrency }),
    ...(limit?.rate && { rate: rateText(limit.rate.interval), burst: limit.rate.burst }),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
    ...(breaker && { breaker }),
  }
}

function formatCursor({ rule, key }: LimitName): string {
  return Buffer.from(JSON.stringify([rule, key])).toString('base64url')
}

function parseCursor(text: string): LimitName {
  try {
    const [rule, key] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[]
    if (typeof rule === 'string' && typeof key === 'string') return { rule, key }
  } catch {
    // No JSON, or no list: no cursor of ours.
  }
  throw new RangeError('expected the cursor of a page')
}
