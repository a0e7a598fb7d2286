import type { Context } from 'hono'

/** Who sends a request, as `authorize` found. */
export interface Identity {
  /** Stable name of the user or client: whose jobs are whose. 1 to 255 printable characters. */
  readonly id: string
  /** What it may do; `admin` may see and change everything. Default: none. */
  readonly scopes?: readonly string[] | undefined
}

/** The scope that may see all jobs, and submit the input of others again in another form. */
export const ADMIN_SCOPE = 'admin' as const

const CONTEXT_KEY = 'celeriac.identity'

/** Remember who sends this request. */
export function identify(c: Context, identity: Identity): void {
  c.set(CONTEXT_KEY, identity)
}

/** Who sends this request; undefined where the API has no `authorize`. */
export function identityOf(c: Context): Identity | undefined {
  return c.get(CONTEXT_KEY) as Identity | undefined
}

/** True where everything is open, or the sender has the scope `admin`. */
export function isAdmin(c: Context): boolean {
  const identity = identityOf(c)
  return identity === undefined || mayAll(identity, [ADMIN_SCOPE])
}

/** True where it has all of these scopes; `admin` has every one. */
export function mayAll({ scopes = [] }: Identity, needed: readonly string[]): boolean {
  return scopes.includes(ADMIN_SCOPE) || needed.every((scope) => scopes.includes(scope))
}
