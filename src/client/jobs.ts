import type { JobPageDocument } from '../protocol/jobDocument.ts'
import { askFleet } from './fleet/ask.ts'
import type { Transport } from './transport.ts'

/** Which jobs are listed: those that fit all that is named. */
export interface JobListOptions {
  /** In this state. */
  state?: string | undefined
  /** Of this task. */
  task?: string | undefined
  /** With this tag. */
  tag?: string | undefined
  /** With each of these words in the id, the name of the task, a tag or the error. */
  q?: string | undefined
  /** Submitted since then. */
  since?: Date | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** A page of the jobs behind a transport. */
export function listJobs(transport: Transport, options: JobListOptions = {}): Promise<JobPageDocument> {
  return askFleet(transport, 'GET', '/jobs', options)
}
