/** Header of ours on a message that is sent again by a retry: how many runs before it ended with their workers. */
const LOST_RUNS_HEADER = 'celeriac_lost_runs'

type Headers = Readonly<Record<string, unknown>>

/**
 * How many runs of a task ended with their workers: before its last retry, as the headers say, and since, as its store
 * counts.
 */
export function lostRuns(headers: Headers, since: number): number {
  const before = headers[LOST_RUNS_HEADER]
  return since + (typeof before === 'number' && Number.isSafeInteger(before) && before > 0 ? before : 0)
}

/** The headers by which the next run knows them; nothing where there was none. */
export function lostRunsHeader(lost: number): Headers {
  return lost > 0 ? { [LOST_RUNS_HEADER]: lost } : {}
}
