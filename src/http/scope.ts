import type { App } from '../app/app.ts'

/** What every route works on: the app, which of its tasks the outside may see, and how long a body may be. */
export interface HttpScope {
  readonly app: App
  /** Names of the exposed tasks. Whatever is not among them does not exist for the outside, nor do its jobs. */
  readonly exposed: ReadonlySet<string>
  /** Bytes. */
  readonly maxBody: number
}

/**
 * The prefix that a client must put before the API's own paths: the request's path without its last `segments` segments.
 * Taken from the request, so that links stay right where the API is mounted below another path.
 */
export function baseOf(path: string, segments: number): string {
  let end = path.length
  for (let count = 0; count < segments; count++) end = path.lastIndexOf('/', end - 1)
  return path.slice(0, Math.max(0, end))
}
