import { customHeader, NO_HEADERS } from './callHeaders.ts'

/*
 * Headers of ours on a message that is sent again: what is known of its runs before that did not come to their own end.
 */
/** How many runs ended with their workers, or with their children and without a retry. */
const LOST_RUNS_HEADER = 'celeriac_lost_runs'
/** How many runs ended with the thread or process that they had for themselves. */
const LOST_CHILDREN_HEADER = 'celeriac_lost_children'

type Headers = Readonly<Record<string, unknown>>

/** How many runs of a task are counted as lost: as the headers say, and since, as its store counts. */
export function lostRuns(headers: Headers, since: number): number {
  return since + countOf(headers, LOST_RUNS_HEADER)
}

/** How many children its runs have ended. */
export function lostChildren(headers: Headers): number {
  return countOf(headers, LOST_CHILDREN_HEADER)
}

/** The headers by which the next run knows them; nothing where there was none. */
export function lossHeaders(lost: number, children: number): Headers {
  if (lost === 0 && children === 0) return NO_HEADERS
  return {
    ...(lost > 0 && { [LOST_RUNS_HEADER]: lost }),
    ...(children > 0 && { [LOST_CHILDREN_HEADER]: children }),
  }
}

/** The headers of a message without these. */
export function withoutLosses({ [LOST_RUNS_HEADER]: _, [LOST_CHILDREN_HEADER]: __, ...own }: Headers): Headers {
  return own
}

function countOf(headers: Headers, name: string): number {
  const count = customHeader(headers, name)
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0
}
