import type { Hono } from 'hono'
import type { GateOptions } from '../access/admission.ts'
import type { Authorize } from '../access/auth.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import type { ApiInfo } from '../openapi/info.ts'
import { methodNotAllowed } from '../output/method.ts'

const PATH = '/openapi.json'

/** `GET /openapi.json`: the API described by itself. */
export function addDocumentRoute(api: Hono, base: string, scope: HttpScope, gate: GateOptions, info: ApiInfo): void {
  const { app, scopesOf } = scope
  const scheme = gate.authorize && schemeOf(gate.authorize)
  api.get(PATH, async (c) => {
    const { openApi } = await import('../openapi/document.ts')
    const tasks = [...scopesOf].map(([name, scopes]) => ({ name, definition: app.tasks.get(name)?.definition, scopes }))
    const document = openApi({
      info: { title: app.config.name, ...info },
      server: baseOf(c.req.path, 1),
      base,
      tasks,
      scheme,
      limited: gate.limiter !== undefined,
      webhooks: app.config.webhooks !== undefined,
      metrics: scope.metrics !== undefined,
      uploads: (app.config.payloads?.secrets.length ?? 0) > 0,
      fleet: gate.roles,
      anyTask: scope.fleet?.anyTask === true,
    })
    return new Response(JSON.stringify(document), {
      headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
    })
  })
  api.all(PATH, methodNotAllowed('GET, HEAD'))
}

/** What `authorize` asks for when a request has no credentials. */
function schemeOf(authorize: Authorize): 'bearer' | 'basic' {
  const challenge = authorize.challenge?.(new Request('http://localhost/'))
  return /^basic\b/i.test(challenge ?? '') ? 'basic' : 'bearer'
}
