import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hono } from 'hono'
import { nodeListener } from './node.ts'

/** A request as Express and similar frameworks pass it on: `url` without the path where the middleware is mounted. */
export type ExpressRequest = IncomingMessage & { originalUrl?: string; baseUrl?: string }

/** Middleware of Express, Connect and similar frameworks. */
export type ExpressMiddleware<Request extends IncomingMessage = ExpressRequest> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * The API as Express middleware: `outer.use('/api', toExpress(api))`. It answers everything below; it may be mounted
 * after `express.json()`.
 */
export function toExpress(api: Hono): ExpressMiddleware {
  return (request, response) => {
    const { baseUrl = '', originalUrl } = request
    // Links are made from the path that the client asked for. Nothing comes after us that would need the other.
    if (originalUrl !== undefined) request.url = originalUrl
    nodeListener(api, baseUrl)(request, response)
  }
}
