import type { Context } from 'hono'
import { toJson } from '../../protocol/plainJson.ts'
import { baseOf } from '../apiContext.ts'

/** Status and further headers of an answer. */
interface DocumentAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A document as JSON, of this moment: no cache keeps it. */
export function respondDocument(document: object, { status = 200, headers = {} }: DocumentAnswer = {}): Response {
  return new Response(toJson(document), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}

/** The header that leads to the next page of the list `name`: the same query with its cursor; none at the end. */
export function nextLink(c: Context, name: string, cursor: string | undefined): Record<string, string> {
  if (cursor === undefined) return {}
  const next = new URLSearchParams(new URL(c.req.url).search)
  next.set('cursor', cursor)
  return { link: `<${baseOf(c.req.path, 1)}/${name}?${next}>; rel="next"` }
}
