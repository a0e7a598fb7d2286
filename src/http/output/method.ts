import type { Context } from 'hono'
import { respondProblem } from './problem.ts'

/** Handler of all methods that a path does not have; `allowed` is what it has, as in `Allow`. */
export function methodNotAllowed(allowed: string): (c: Context) => Response {
  return (c) => {
    const detail = `${c.req.method} is not allowed here; allowed: ${allowed}`
    return respondProblem({ kind: 'method-not-allowed', detail, headers: { allow: allowed } }, c.req.path)
  }
}
