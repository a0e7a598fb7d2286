import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Hono } from 'hono'
import { packageFile } from '../../std/packageFile.ts'
import { isNamed } from '../output/etag.ts'
import { methodNotAllowed } from '../output/method.ts'

/** The page's files: those of the package, and no others. */
const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/docs': { file: 'index.html', type: 'text/html' },
  '/docs/style.css': { file: 'style.css', type: 'text/css' },
  '/docs/controls.css': { file: 'controls.css', type: 'text/css' },
  ...Object.fromEntries(
    ['page', 'task', 'job', 'follow', 'form', 'schema', 'element'].map((name) => [
      `/docs/${name}.js`,
      { file: `${name}.js`, type: 'text/javascript' },
    ]),
  ),
}

/** Of a page: nothing but what comes from here is loaded, run or asked; the page is in no frame. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** `GET /docs`: a page for people, from the package itself. It contains no secret, so it needs no authentication. */
export function addDocsRoutes(api: Hono): void {
  for (const [path, { file, type }] of Object.entries(FILES)) {
    let read: Promise<{ text: string; etag: string }> | undefined
    api.get(path, async (c) => {
      read ??= readPage(file)
      const { text, etag } = await read
      const headers = { etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }
      if (isNamed(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
      const own = {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': PAGE_POLICY,
        'referrer-policy': 'no-referrer',
      }
      return new Response(text, { headers: { ...headers, ...own } })
    })
    api.all(path, methodNotAllowed('GET, HEAD'))
  }
}

async function readPage(file: string): Promise<{ text: string; etag: string }> {
  const text = await readFile(packageFile(import.meta.url, 'http/routes/docs', `http/apiDocs/${file}`), 'utf8')
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` }
}
