import type { Hono } from 'hono'
import { app } from './app/celeriac.ts'
import { addViews, EXPOSED } from './app/views/views.ts'

/*
 * The web server: `celeriac serve -A server.ts` serves `http`.
 */

export { app }

/** The views; beside them celeriac's own API for the same tasks, `/v1` and `/openapi.json`. */
export const http: Hono = app.http({ expose: [...EXPOSED] })

addViews(http)
