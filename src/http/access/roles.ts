import type { Context } from 'hono'
import type { Problem } from '../output/problem.ts'
import { ADMIN_SCOPE, type Identity, identityOf } from './identity.ts'

/**
 * What an identity may do with a fleet, by its scopes; each role may do what those before it may. `viewer` sees the jobs
 * of all owners and changes nothing; `operator` also pauses, retries, revokes, redrives and runs; `admin` does all. An
 * identity without a role sees its own jobs. Without the option `fleet` there is only `admin`: scopes of these names may
 * then be those of tasks.
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
