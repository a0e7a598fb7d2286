import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hono } from 'hono'
import { nodeListener } from './node.ts'

/** What we need of a Fastify instance. */
export interface FastifyInstance {
  readonly prefix: string
  removeAllContentTypeParsers(): void
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: Error | null) => void) => void,
  ): unknown
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): unknown
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void,
  ): unknown
}

/** What we need of a Fastify request. */
export interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly originalUrl: string
}

/** What we need of a Fastify reply. */
export interface FastifyReply {
  readonly raw: ServerResponse
  hijack(): unknown
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
}

/** A Fastify plugin. */
export type FastifyPlugin = (instance: FastifyInstance, options: unknown, done: (error?: Error) => void) => void

/**
 * The API as a Fastify plugin: `fastify.register(toFastify(api), { prefix: '/api' })`. Hooks of the instance run before
 * it; headers that they set are sent.
 */
export function toFastify(api: Hono): FastifyPlugin {
  return (instance, _options, done) => {
    const listen = nodeListener(api, instance.prefix)
    // Within this plugin alone, bodies are left for the API to read.
    instance.removeAllContentTypeParsers()
    instance.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
    instance.all('/*', (request, reply) => {
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      listen(request.raw, reply.raw)
    })
    done()
  }
}
