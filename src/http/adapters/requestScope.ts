import type { Hono } from 'hono'
import type { App } from '../../app/app.ts'
import { identityOf } from '../access/identity.ts'
import { honoContext } from './context.ts'

/**
 * Whatever a POST to the API calls carries its request, and who sent it: of the identity, what `authorize` must give,
 * and not what an application hangs on it.
 */
export function addRequestContext(api: Hono, base: string, app: App): void {
  const capture = honoContext(app, {
    identity: (c) => {
      const identity = identityOf(c)
      return identity && { id: identity.id, ...(identity.scopes ? { scopes: identity.scopes } : {}) }
    },
  })
  api.post(`${base}/*`, capture)
}
