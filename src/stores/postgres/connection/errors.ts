import { postgresFault } from '../../../broker/storeErrors.ts'
import { CeleriacError, ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { isDefect } from '../../../std/thrown.ts'

/** Beginnings of messages that waiting does not change, and what does. The first is of PgBouncer, the others of pg. */
const ADVICE: readonly (readonly [begin: string, advice: string])[] = [
  [
    'unsupported startup parameter',
    'a pool of connections is between: add pgbouncer=true to the URL, or use the address of the server',
  ],
  [
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password',
    'the server asks for one: write it into the URL, or PGPASSWORD',
  ],
  ['The server does not support SSL connections', 'write sslmode=disable into the URL, or switch TLS on there'],
]

/** The error for an answer of the server, or a failure on the way to it; `place` is the database's URL for people. */
export function errorOf(error: unknown, place: string): Error {
  if (error instanceof CeleriacError || (isDefect(error) && sqlState(error) === undefined)) return error as Error
  const cause = error as Error
  const message = `${place}: ${textOf(cause)}`
  const advice = ADVICE.find(([begin]) => cause.message?.startsWith(begin))?.[1]
  if (advice !== undefined) return new ConfigError(`${message}: ${advice}`, { cause })
  const fault = sqlState(error) === undefined ? 'outage' : postgresFault(error)
  if (fault === 'access') return new ConfigError(message, { cause })
  if (fault === 'outage') return new StoreUnavailableError(message, { cause })
  return new CeleriacError('STORE_REFUSED', message, { cause })
}

/** PostgreSQL's code of an error: five characters; undefined for a failure of the connection. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined
}

/** Several addresses of one host were tried: the first failure speaks for all. */
function textOf(error: Error): string {
  if (error.message !== '') return error.message
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0].message : error.name
}

/** Two transactions stood in each other's way, and the server has undone this one: it may be sent again. */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40001' || state === '40P01'
}

/** The server is a replica, or takes no writes for another reason. */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === '25006'
}

/** A plan that was prepared before the tables changed, or that the connection lost: it is prepared again. */
export function isStalePlan(error: unknown): boolean {
  const state = sqlState(error)
  return state === '26000' || state === '0A000'
}

/** The server does not take connections now, or ends them: it did nothing of what was sent after it said so. */
export function isOutage(error: unknown): boolean {
  return sqlState(error) === undefined ? !isDefect(error) : postgresFault(error) === 'outage'
}
