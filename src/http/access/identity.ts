import type { Context } from 'hono'

/** Who sends a request, as `authorize` found. */
export interface Identity {
  /** Stable name of the user or client: whose jobs are whose. 1 to 255 printable characters. */
  readonly id: string
  /** What it may do; `admin` may see and change everything. Default: none. */
  readonly scopes?: readonly string[] | undefined
}

/** The scope that may see everybody's jobs, and send others' input again in another form. */
export const ADMIN = 'admin'

const KEY = 'celeriac.identity'

/** Remember who sends this request. */
export function identify(c: Context, identity: Identity): void {
  c.set(KEY, identity)
}

/** Who sends this request; undefined where the API has no `authorize`. */
export function identityOf(c: Context): Identity | undefined {
  return c.get(KEY) as Identity | undefined
}

/** True where everything is open, or the sender has the scope `admin`. */
export function isAdmin(c: Context): boolean {
  const identity = identityOf(c)
  return identity === undefined || mayAll(identity, [ADMIN])
}

/** True where it has all of these scopes; `admin` has every one. */
export function mayAll({ scopes = [] }: Identity, needed: readonly string[]): boolean {
  return scopes.includes(ADMIN) || needed.every((scope) => scopes.includes(scope))
}
