import { ArgumentError, ConfigError } from '../std/errors.ts'
import { shown } from '../std/validate.ts'

type Single = string | number | boolean

/** Parameters of a query. A list is repeated; null and undefined are left out. */
export type UrlQuery = Readonly<Record<string, Single | readonly Single[] | null | undefined>>

/**
 * The absolute URL of a path of the application. Throws ConfigError without a base, ArgumentError for what is no path.
 */
export function absoluteUrl(base: string | undefined, path: string, query: UrlQuery = {}): string {
  const escaped = escapePath(path)
  if (base === undefined)
    throw new ConfigError(
      `urlFor(${JSON.stringify(path)}): the address of the application is not known here: expected a call within a request (or a task that one was ` +
        'the reason of) with a host name, or the option request.baseUrl of the app',
    )
  const search = new URLSearchParams(pairsOf(query)).toString()
  return base + escaped + (search === '' ? '' : `?${search}`)
}

/**
 * Data in a path is the caller's to escape, since only it knows which slashes are data; what would lead elsewhere is
 * refused.
 */
function escapePath(path: unknown): string {
  const fail = (expected: string): never => {
    throw new ArgumentError(`urlFor: expected ${expected}, got ${shown(path)}`)
  }
  if (typeof path !== 'string' || !path.startsWith('/')) return fail('a path that begins with /')
  if (/^\/[/\\]/.test(path)) return fail('a path of this application, with one / at its beginning')
  if (/[?#\\]/.test(path))
    return fail('a path without ?, # and \\ (encodeURIComponent for data in it, the query as second argument)')
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return fail('a path without the steps . and ..')
  return path.toWellFormed().replace(/%(?![0-9a-f]{2})|[^\w.~!$&'()*+,;=:@%/-]/giu, encodeURIComponent)
}

function pairsOf(query: UrlQuery): [string, string][] {
  return Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || value === null) return []
    return [value].flat().map((item): [string, string] => {
      if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') return [name, String(item)]
      throw new ArgumentError(`urlFor: query.${name}: expected text, numbers or booleans, got ${shown(item)}`)
    })
  })
}
