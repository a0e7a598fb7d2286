import type { History } from '../../backend/eventLog.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { jobEtag } from './etag.ts'
import type { Durations } from './retryAfter.ts'

/** The headers that go with the document of a job. */
export function shownHeaders(history: History, info: JobInfo, durations: Durations): Record<string, string> {
  return {
    'content-type': 'application/json',
    'cache-control': 'no-cache',
    etag: jobEtag(history),
    ...durations.headersOf(info),
  }
}
