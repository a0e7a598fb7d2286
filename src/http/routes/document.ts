import type { Hono } from 'hono'
import { methodNotAllowed } from '../method.ts'
import { openApi } from '../openapi.ts'
import { baseOf, type HttpScope } from '../scope.ts'

const PATH = '/openapi.json'

/** `GET /openapi.json`: the API described by itself. */
export function addDocumentRoute(api: Hono, base: string, { app, exposed }: HttpScope): void {
  api.get(PATH, (c) => {
    const tasks = [...exposed].map((name) => ({ name, definition: app.tasks.get(name)?.definition }))
    const body = JSON.stringify(openApi({ title: app.config.name, server: baseOf(c.req.path, 1), base, tasks }))
    return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' } })
  })
  api.all(PATH, methodNotAllowed('GET, HEAD'))
}
