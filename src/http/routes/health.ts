import type { Hono } from 'hono'
import type { HttpScope } from '../apiContext.ts'
import { methodNotAllowed } from '../output/method.ts'

/** `GET /livez`: the process answers. `GET /readyz`: its store does, too; else 503. */
export function addHealthRoutes(api: Hono, { app }: HttpScope): void {
  api.get('/livez', ok)
  api.get('/readyz', async () => {
    await app.queueSize()
    return ok()
  })
  api.on(['POST', 'PUT', 'PATCH', 'DELETE'], ['/livez', '/readyz'], methodNotAllowed('GET, HEAD'))
}

function ok(): Response {
  return new Response('{"status":"ok"}', {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
