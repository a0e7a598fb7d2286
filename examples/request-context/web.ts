import { honoContext } from 'celeriac/http'
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { app } from './app.ts'
import { type Env, session } from './views/session.ts'
import { views } from './views/views.ts'

/*
 * The application: `celeriac serve -A web.ts` serves `http`.
 */

export { app }

export const http: Hono<Env> = new Hono<Env>()

http.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'unsafe-inline'"] } }))
// Every task that is called below carries its request and its user; who that is, the session finds out later.
http.use(
  honoContext(app, {
    identity: (c) => c.get('user')?.name,
    values: (c) => {
      const { name, email } = c.get('user') ?? {}
      return name === undefined ? undefined : { user: { name, email } }
    },
  }),
)
http.use(session)
http.route('/', views)
