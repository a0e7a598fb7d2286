import type { Context } from 'hono'
import { addressOf } from '../../access/admission.ts'
import { identityOf } from '../../access/identity.ts'
import { loggedPath } from '../../output/path.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'
import { actionOf } from './action.ts'
import type { Auditor } from './auditor.ts'

const DETAILS_KEY = 'celeriac.audit'
const AUDITED_KEY = 'celeriac.audited'
/** Who sends none, or where the API is open. */
const NO_ONE = '-'
/** What an application does all day: each job has its owner. Of these only what is refused is written. */
const ORDINARY = /^\/(?:tasks|batches|workflows|payloads|waits)(?:\/|$)/
const MAX_PARAMETERS = 20
const MAX_VALUE = 200
/** Parameters that no route has, but a client may send. */
const SECRET_NAMES = /token|secret|password|passwd|auth|credential/i
const REFUSALS: ReadonlySet<number> = new Set([401, 403])

/** The answer while the audit log cannot be written. */
export const AUDIT_UNAVAILABLE: Problem = {
  kind: 'audit-unavailable',
  detail: 'the audit log cannot be written, so no change is let in: see the log of the server',
  headers: { 'retry-after': '5' },
}

/** Facts about the change that this request makes, for its entry: no secrets, no payloads. */
export function auditDetails(c: Context, details: Readonly<Record<string, unknown>>): void {
  c.set(DETAILS_KEY, { ...(c.get(DETAILS_KEY) as object | undefined), ...details })
}

/** This request is an entry, though others of its route are not. */
export function auditThis(c: Context): void {
  c.set(AUDITED_KEY, true)
}

/** Where a request leads: the pattern of its path, as `/v1/queues/:name`, and what all paths begin with, as `/v1`. */
export interface AuditedRoute {
  readonly pattern: string | undefined
  readonly base: string
}

/**
 * A request that would change something: it is an entry of the audit log, also where it is refused. The answer waits
 * for the entry. Where that cannot be written the change was made nevertheless, so its answer stays; the next change is
 * refused.
 */
export async function audited(
  c: Context,
  next: () => Promise<void>,
  { pattern, base }: AuditedRoute,
  auditor: Auditor,
): Promise<Response | undefined> {
  const { method, path } = c.req
  const own = pattern?.startsWith(base) ? pattern.slice(base.length) : undefined
  const isOrdinary = own !== undefined && ORDINARY.test(own)
  if (!isOrdinary && !(await auditor.ready())) return respondProblem(AUDIT_UNAVAILABLE, path)
  let status = 500
  let problem: string | undefined
  try {
    await next()
    if (c.finalized) ({ status } = c.res)
    problem = await problemOf(c)
  } finally {
    if (!isOrdinary || REFUSALS.has(status) || c.get(AUDITED_KEY) === true)
      await auditor.add({
        who: identityOf(c)?.id ?? NO_ONE,
        address: addressOf(c),
        ...actionOf(method, own, loggedPath(path)),
        status,
        details: detailsOf(c, problem),
      })
  }
  return undefined
}

/** The type of the problem that it was answered with. */
async function problemOf({ finalized, res }: Context): Promise<string | undefined> {
  if (!finalized || res.headers.get('content-type') !== 'application/problem+json') return undefined
  const { type } = (await res.clone().json()) as { readonly type?: string }
  return type?.slice(type.lastIndexOf(':') + 1)
}

function detailsOf(c: Context, problem: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const query = queryOf(c.req.url)
  const details = {
    ...(query && { query }),
    ...(c.get(DETAILS_KEY) as object | undefined),
    ...(problem !== undefined && { problem }),
  }
  return Object.keys(details).length > 0 ? details : undefined
}

/** What was asked for: filters, bounds. */
function queryOf(url: string): Readonly<Record<string, string>> | undefined {
  const start = url.indexOf('?')
  if (start === -1) return undefined
  const given = [...new URLSearchParams(url.slice(start))].slice(0, MAX_PARAMETERS)
  return Object.fromEntries(
    given.map(([name, value]) => [
      name.slice(0, MAX_VALUE),
      SECRET_NAMES.test(name) ? '[redacted]' : value.slice(0, MAX_VALUE),
    ]),
  )
}
