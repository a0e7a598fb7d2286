import type { Context } from 'hono'
import { html } from 'hono/html'

/** What the first page of a service says. */
export interface Start {
  readonly name: string
  /** What the service does: one sentence. */
  readonly about: string
  /** Commands to try, given the URL of the service. */
  tries(url: string): readonly string[]
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 3rem auto; padding: 0 1rem }
  pre { white-space: pre-wrap; overflow-wrap: anywhere } :root { color-scheme: light dark }`

/** `GET /` of a service whose work is elsewhere: a short page for browsers, JSON for programs. */
export function respondStart(c: Context, { name, about, tries }: Start): Response | Promise<Response> {
  const headers = { 'cache-control': 'no-cache', vary: 'accept' }
  const commands = tries(new URL(c.req.url).origin)
  if (!c.req.header('accept')?.includes('text/html')) {
    const text = JSON.stringify({ name, about, try: commands, docs: '/docs', openapi: '/openapi.json' }, null, 2)
    return c.body(`${text}\n`, 200, { ...headers, 'content-type': 'application/json' })
  }
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${name}</title><style>${STYLE}</style></head>
<body><h1>${name}</h1><p>${about}</p><p>Try</p><pre>${commands.join('\n')}</pre>
<p>The same tasks in celeriac's own API: <a href="/docs">docs</a>, <a href="/openapi.json">OpenAPI</a>.</p></body></html>`
  return c.html(page, 200, { ...headers, 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" })
}
