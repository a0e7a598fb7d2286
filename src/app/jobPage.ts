import type { ListFilter } from '../backend/jobIndex.ts'
import type { JobInfo } from '../calls/jobInfo.ts'

/** What `app.jobs` lists: the jobs that match all that is named. */
export interface JobFilter extends Omit<ListFilter, 'limit'> {
  /** Jobs of one page, 1 to 1000. Default 50. */
  readonly limit?: number | undefined
}

/** One page of `app.jobs`. */
export interface JobPage {
  readonly jobs: readonly JobInfo[]
  /** Pass it on for the next page; absent at the end. */
  readonly cursor: string | undefined
}
