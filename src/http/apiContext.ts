import type { App } from '../app/app.ts'
import type { JobStore } from '../app/jobStore.ts'
import type { Recording } from '../recorder/recording.ts'
import type { ParsedFleetOptions } from './fleet/options.ts'
import type { HttpMetrics } from './metrics.ts'
import { escapePath } from './output/path.ts'
import type { Durations } from './output/retryAfter.ts'

/** What every route works on: the app, and what the outside may see and do of it. */
export interface HttpScope {
  readonly app: App
  /** What is kept of its jobs. */
  readonly jobs: JobStore
  /** Names of the exposed tasks. Whatever is not among them does not exist for the outside, nor do its jobs. */
  readonly exposed: ReadonlySet<string>
  /** What an identity needs for each of them. */
  readonly scopesOf: ReadonlyMap<string, readonly string[]>
  /** Bytes. */
  readonly maxBody: number
  /** Bounds of a workflow that is submitted. */
  readonly workflows: { readonly maxTasks: number; readonly maxDepth: number }
  /** Whether a job's input is kept for a retry. */
  readonly keepInput: boolean
  /** Idempotency keys whose first request is being accepted. */
  readonly accepting: Set<string>
  /** How long jobs took, as far as this process has seen: what `Retry-After` is made of. */
  readonly durations: Durations
  /** What is counted; undefined where nothing is. */
  readonly metrics: HttpMetrics | undefined
  /** ms between two signs of life on a stream of events. */
  readonly heartbeat: number
  /** Nothing may be changed. */
  readonly readOnly?: boolean | undefined
  /** How the fleet is shown; undefined where it is not. */
  readonly fleet?: ParsedFleetOptions | undefined
  /** What is recorded of the fleet; undefined where the app has no recorder. Absent: no fleet is shown. */
  readonly recording?: (() => Promise<Recording | undefined>) | undefined
}

/**
 * The prefix that a client must put before the API's own paths: the request's path without its last `segments`
 * segments. Taken from the request, so that links stay right where the API is mounted below another path.
 */
export function baseOf(path: string, segments: number): string {
  let end = path.length
  for (let count = 0; count < segments; count++) end = path.lastIndexOf('/', end - 1)
  return escapePath(path.slice(0, Math.max(0, end)))
}
