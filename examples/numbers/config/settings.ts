import { type Duration, every } from 'celeriac'

/*
 * What may be told from outside, by environment variables.
 */

/** Where tasks wait, and where their results are kept, if not there. */
export const BROKER = process.env.BROKER_URL || 'sqlite:.celeriac/numbers.db'
export const BACKEND = process.env.RESULT_BACKEND || undefined

/** The application's own database: `sqlite:<file>` or `postgres://user:password@host/database`. */
export const DATABASE = process.env.DATABASE_URL || 'sqlite:.celeriac/numbers.data.db'

/** Where the web server is, for the processings that report to it. */
export const SERVER = process.env.NUMBERS_URL || 'http://127.0.0.1:5000'

/** How often the periodic tasks look for numbers that wait. */
export const INTERVAL = intervalOf(process.env.NUMBERS_INTERVAL || '1m')

/** How long a silent worker keeps its tasks. */
export const LEASE = process.env.NUMBERS_LEASE || '30s'

/** A folder for the files that processings read. */
export const INPUT_FILES = process.env.NUMBERS_INPUT_FILES || '.celeriac/numbers.input'

function intervalOf(text: string): Duration {
  try {
    every(text)
  } catch (error) {
    throw new RangeError(`NUMBERS_INTERVAL: ${(error as Error).message}`)
  }
  return text
}
