import type { Context } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { Emission, LogLine } from '../../protocol/emission.ts'
import { HIDDEN } from '../../protocol/repr.ts'
import type { HttpScope } from '../apiContext.ts'
import type { Problem } from '../output/problem.ts'
import { ADMIN_SCOPE, type Identity, identityOf } from './identity.ts'

/**
 * What an identity may do with a fleet, by its scopes; each role may do what those before it may. `viewer` sees the
 * jobs of all owners and changes nothing; `operator` also pauses, retries, revokes, redrives and runs; `admin` does
 * all. An identity without a role sees its own jobs. Without the option `fleet` there is only `admin`: scopes of these
 * names may then be those of tasks.
 */
export type Role = 'viewer' | 'operator' | 'admin'
/** By what they may do. */
export const ROLES: readonly Role[] = ['viewer', 'operator', ADMIN_SCOPE]

const CONTEXT_KEY = 'celeriac.role'

/** Remember the role of who sends this request. */
export function giveRole(c: Context, identity: Identity): void {
  c.set(CONTEXT_KEY, roleOf(identity))
}

/** True where the API is open, or the sender has this role or one above it. */
export function hasRole(c: Context, role: Role): boolean {
  const identity = identityOf(c)
  if (identity === undefined) return true
  const own =
    (c.get(CONTEXT_KEY) as Role | undefined) ?? (identity.scopes?.includes(ADMIN_SCOPE) ? ADMIN_SCOPE : undefined)
  return own !== undefined && ROLES.indexOf(own) >= ROLES.indexOf(role)
}

/** The answer to a sender without this role; `doing`: what it asked for, as `to purge a queue`. */
export function roleProblem(c: Context, role: Role, doing: string): Problem | undefined {
  return hasRole(c, role) ? undefined : { kind: 'forbidden', detail: `${doing} needs the scope ${role}` }
}

/** The highest. */
export function roleOf({ scopes = [] }: Identity): Role | undefined {
  return ROLES.findLast((role) => scopes.includes(role))
}

/*
 * The outline of a job: all of it but what a codec covers. A viewer sees no more of the jobs of others where the app
 * has a codec; operators, admins and owners see them as they are.
 */

/** Those of these jobs of which the sender sees an outline alone, if it sees them. */
export async function outlined(c: Context, scope: HttpScope, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (!onlyOutlines(c, scope)) return NONE
  const me = identityOf(c)?.id
  const owners = await scope.jobs.owners(ids)
  return new Set(ids.filter((id) => owners.get(id) !== me))
}

/** The same of one job. */
export async function isOutlined(c: Context, scope: HttpScope, id: string): Promise<boolean> {
  return onlyOutlines(c, scope) && (await outlined(c, scope, [id])).has(id)
}

/** The sender sees outlines alone of the jobs of others. */
export function onlyOutlines(c: Context, { app }: HttpScope): boolean {
  return app.config.codec !== undefined && !hasRole(c, 'operator') && hasRole(c, 'viewer')
}

const NONE: ReadonlySet<string> = new Set()

/** What is not shown becomes `…`. */
export function outlineOf(info: JobInfo): JobInfo {
  const { progress, result, error } = info
  return {
    ...info,
    progress: progress === undefined ? undefined : HIDDEN,
    result: result === undefined ? undefined : HIDDEN,
    error: error && { type: error.type, message: HIDDEN, traceback: undefined },
  }
}

/** The same of what a task emits. */
export function outlineOfEmission(emission: Emission): Emission {
  if (emission.kind === 'chunk') return { ...emission, value: HIDDEN }
  const { level, time } = emission.value as LogLine
  return { ...emission, value: { level, time, message: HIDDEN, fields: {} } satisfies LogLine }
}
