import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Logger } from '../../std/log.ts'
import { loggedPath } from '../output/path.ts'

/**
 * One line for each request when its answer has gone, or its client. The path only: a query may hold what is not for
 * logs. `ms` is the time until then, which for a stream is how long it was followed.
 */
export function logAccess(server: Server, logger: Logger): void {
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const start = performance.now()
    response.once('close', () => {
      const { method, url = '', headers } = request
      const fields = {
        method,
        path: pathOf(url),
        status: response.headersSent ? response.statusCode : undefined,
        ms: Math.round((performance.now() - start) * 10) / 10,
        client: request.socket.remoteAddress,
        agent: headers['user-agent'],
        // The client went before the end of its answer.
        aborted: response.writableFinished ? undefined : true,
      }
      logger.info(fields, `${method} ${fields.path} ${fields.status ?? 'no answer'} ${fields.ms} ms`)
    })
  })
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return loggedPath(query === -1 ? url : url.slice(0, query))
}
