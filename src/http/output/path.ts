import type { Context, Hono } from 'hono'
import { matchedRoutes } from 'hono/route'

/** A path as Hono has decoded it, for headers and links; what it keeps encoded stays so. */
export function escapePath(path: string): string {
  return /^[!-~]*$/.test(path) ? path : path.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent)
}

/** A path for logs: a token of a wait, or of an upload, is a secret. */
export function loggedPath(path: string): string {
  return path.replace(/(\/(?:waits|payloads)\/)[^/]+/, '$1[redacted]')
}

/** The patterns of the paths of an API, also where that is mounted below another path. */
export class RoutePatterns {
  readonly #api: Hono
  #known: ReadonlySet<string> | undefined

  constructor(api: Hono) {
    this.#api = api
  }

  /**
   * The API's own pattern of the path; `at`: which of the routes that fit is ours, for all paths below the place where
   * the API is mounted. Undefined where nothing is at the path.
   */
  of(c: Context, at: number): string | undefined {
    // With the first request all of them are there.
    this.#known ??= new Set(this.#api.routes.map(({ path }) => path).filter((path) => !path.includes('*')))
    const routes = matchedRoutes(c)
    const mount = (routes[at]?.path ?? '').replace(/\/?\*$/, '')
    for (let index = routes.length - 1; index > at; index--) {
      const { path } = routes[index] as (typeof routes)[number]
      const own = path.startsWith(mount) ? path.slice(mount.length) || '/' : undefined
      if (own !== undefined && this.#known.has(own)) return own
    }
    return undefined
  }
}
