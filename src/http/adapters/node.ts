import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { type Problem, respondProblem } from '../output/problem.ts'
import { respondThrown } from '../server/clientError.ts'
import { checkTarget } from '../server/target.ts'
import type { PrefixOptions } from './fetch.ts'
import { checkPrefix, isBelow, mountedAt, notBelow } from './mounted.ts'
import { restoreBody } from './parsedBody.ts'

/**
 * The API as a listener of Node's HTTP server: `createServer(toNode(api))`. Throws ArgumentError for a wrong prefix.
 */
export function toNode(api: Hono, { prefix = '' }: PrefixOptions = {}): RequestListener {
  checkPrefix(prefix, 'toNode')
  const listen = nodeListener(api, prefix)
  const refuse = listenerOf((request) => notBelow(new URL(request.url).pathname, prefix))
  return checkTarget((request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    if (isBelow(path, prefix)) listen(request, response)
    else refuse(request, response)
  })
}

const BODY_LOST: Problem = {
  kind: 'internal-error',
  detail:
    'the body was read before it came to the API, and what is left of it is not JSON: mount the API before what parses bodies',
}
const respondLost = listenerOf((request) => respondProblem(BODY_LOST, new URL(request.url).pathname))

/** A listener for requests whose `url` begins with the prefix, with bodies that a middleware may have read before. */
export function nodeListener(api: Hono, prefix: string): (request: IncomingMessage, response: ServerResponse) => void {
  const { fetch } = mountedAt(api, prefix)
  const listen = listenerOf(fetch)
  return checkTarget((request, response) => {
    if (restoreBody(request)) listen(request, response)
    else respondLost(request, response)
  })
}

type Fetch = (request: Request, env: object) => Response | Promise<Response>

/** The globals of an application that we are but a part of stay as they are. It answers for itself whatever happens. */
function listenerOf(fetch: Fetch): (request: IncomingMessage, response: ServerResponse) => void {
  const listen = getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: respondThrown })
  return (request, response) => void listen(request, response)
}
