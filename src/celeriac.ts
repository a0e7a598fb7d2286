import type { Hono } from 'hono'
import { App } from './app/app.ts'
import { createHttp, type HttpOptions } from './http/api.ts'

/** An application: tasks, stores, settings, and its face to HTTP. */
export class Celeriac extends App {
  /** The REST API of the exposed tasks, as a Hono app: serve it, or mount it in a larger one. */
  http(options: HttpOptions): Hono {
    return createHttp(this, options)
  }
}
