import type { Context } from 'hono'
import type { Problem } from '../output/problem.ts'
import { ADMIN_SCOPE, type Identity, identityOf, mayAll } from './identity.ts'

/**
 * What an identity may do with a fleet, by its scopes; each role may do what those before it may. `viewer` sees the jobs
 * of all owners and changes nothing; `operator` also pauses, retries, revokes, redrives and runs; `admin` does all. An
 * identity without a role sees its own jobs.
 */
export const ROLES = ['viewer', 'operator', ADMIN_SCOPE] as const
export type Role = (typeof ROLES)[number]

/** True where the API is open, or the sender has this role or one above it. */
export function hasRole(c: Context, role: Role): boolean {
  const identity = identityOf(c)
  if (identity === undefined) return true
  return ROLES.slice(ROLES.indexOf(role)).some((one) => mayAll(identity, [one]))
}

/** The answer to a sender without this role; `doing`: what it asked for, as `to purge a queue`. */
export function roleProblem(c: Context, role: Role, doing: string): Problem | undefined {
  return hasRole(c, role) ? undefined : { kind: 'forbidden', detail: `${doing} needs the scope ${role}` }
}

/** It has the role of a viewer and none above it: whatever other scopes it has, it changes nothing. */
export function isOnlyViewer({ scopes = [] }: Identity): boolean {
  return scopes.includes('viewer') && !scopes.includes('operator') && !scopes.includes(ADMIN_SCOPE)
}
