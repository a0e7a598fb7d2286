import { Hono } from 'hono'
import { ArgumentError } from '../../std/errors.ts'
import { respondProblem } from '../output/problem.ts'

/** Below how many segments of a path an API is mounted, to the API that answers there. */
const mounted = new WeakMap<Hono, Map<number, Hono>>()

/**
 * The API below a prefix, for requests whose path still has it: links and `Location` then follow. Which prefix does not
 * matter, only how many segments it has, so that a router may have parameters in it.
 */
export function mountedAt(api: Hono, prefix: string): Hono {
  const depth = prefix.split('/').filter((segment) => segment !== '').length
  if (depth === 0) return api
  const known = mounted.get(api) ?? new Map<number, Hono>()
  mounted.set(api, known)
  let outer = known.get(depth)
  if (!outer) {
    const path = Array.from({ length: depth }, (_, index) => `/:celeriac_mount_${index}`).join('')
    outer = new Hono().route(path, api)
    outer.notFound((c) => respondProblem({ kind: 'not-found', detail: `nothing is at ${c.req.path}` }, c.req.path))
    known.set(depth, outer)
  }
  return outer
}

/** Throws ArgumentError unless it is a path that requests can begin with. */
export function checkPrefix(prefix: string, where: string): void {
  if (typeof prefix !== 'string' || !/^(?:\/[\w.~%!$&'()*+,;=:@-]+)*\/?$/.test(prefix))
    throw new ArgumentError(`${where}: prefix: expected a path such as '/api', got ${JSON.stringify(prefix)}`)
}

/** True for a path that begins with the prefix. */
export function isBelow(path: string, prefix: string): boolean {
  const start = prefix.replace(/\/$/, '')
  return path.startsWith(start) && (path.length === start.length || path[start.length] === '/')
}

/** The answer to a request that is not below the prefix. */
export function notBelow(path: string, prefix: string): Response {
  return respondProblem({ kind: 'not-found', detail: `nothing is at ${path}: the API is below ${prefix}` }, path)
}
