import { randomBytes } from 'node:crypto'

/*
 * What may be told from outside, by environment variables.
 */

/** Where tasks wait, and where their results are kept, if not there. */
export const BROKER = process.env.BROKER_URL || 'sqlite:.celeriac/request-context.db'
export const BACKEND = process.env.RESULT_BACKEND || undefined

/** The public address, as `https://reports.example`; undefined: the one of each request, which its sender chooses. */
export const PUBLIC_URL = process.env.PUBLIC_URL || undefined

/** What session cookies are signed with. Processes that serve the same users need the same. */
export const SESSION_SECRET = process.env.SESSION_SECRET || randomBytes(32).toString('hex')

/** A folder for reports, mails and the journal. */
export const DATA = process.env.REPORTS_DATA || '.celeriac/request-context'

/** How long a silent worker keeps its tasks. */
export const LEASE = process.env.REPORTS_LEASE || '30s'

/** How long it takes to write a report, ms. */
export const WRITING = secondsOf(process.env.REPORTS_SECONDS || '1') * 1000

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds >= 0 && seconds <= 60) return seconds
  throw new RangeError(`REPORTS_SECONDS: expected a number of seconds, from 0 to 60, got ${text}`)
}
