import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'

/**
 * Close a server without failing a client: it takes no new connection, and lets each of the others go after its next
 * answer, or when it has been idle for as long as it was promised. (`http.Server.close` cuts idle ones off at once, and
 * with it a request that is on its way.) After `limit` ms whatever is left is cut off.
 */
export async function retire(server: Server, limit: number): Promise<void> {
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false
  })
  const bound = setTimeout(() => server.closeAllConnections(), limit)
  try {
    await new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()))
  } finally {
    clearTimeout(bound)
  }
}
