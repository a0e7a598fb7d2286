import type { Hono } from 'hono'
import { checkPrefix, isBelow, mountedAt, notBelow } from './mounted.ts'

/** Where an API is mounted. */
export interface PrefixOptions {
  /** What the paths of the requests begin with, before the API's own: `/api`. Default: nothing. */
  prefix?: string | undefined
}

/** A handler of fetch requests. */
export type FetchHandler = (request: Request, ...rest: unknown[]) => Response | Promise<Response>

/**
 * The API as a function from Request to Response, for any host that has these. Throws ArgumentError for a wrong prefix.
 */
export function toFetch(api: Hono, { prefix = '' }: PrefixOptions = {}): FetchHandler {
  checkPrefix(prefix, 'toFetch')
  const { fetch } = mountedAt(api, prefix)
  return (request, ...rest) => {
    const { pathname } = new URL(request.url)
    return isBelow(pathname, prefix)
      ? fetch(request, ...(rest as Parameters<typeof fetch> extends [unknown, ...infer Rest] ? Rest : never))
      : notBelow(pathname, prefix)
  }
}
