import { postgresFault } from '../../../broker/storeErrors.ts'
import { CeleriacError, ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { asError } from '../../../std/thrown.ts'

/** Prisma has a code of its own, and the server's beside it. */
interface ClientError {
  readonly code?: unknown
  readonly meta?: {
    readonly code?: unknown
    readonly driverAdapterError?: { readonly cause?: { readonly originalCode?: unknown } }
  }
}

/** PostgreSQL's code of an error that a library of the caller throws; undefined where there is none. */
export function clientSqlState(error: unknown): string | undefined {
  const { code, meta } = (error ?? {}) as ClientError
  const codes = [meta?.code, meta?.driverAdapterError?.cause?.originalCode, code]
  return codes.find((one): one is string => typeof one === 'string' && /^[0-9A-Z]{5}$/.test(one))
}

/** The error for what a client of the caller threw: its `cause`. The transaction cannot be committed then. */
export function clientErrorOf(thrown: unknown, place: string): Error {
  if (thrown instanceof CeleriacError) return thrown
  const cause = asError(thrown)
  const state = clientSqlState(cause)
  const message = `${place}: ${textOf(cause)}${state === undefined ? '' : ` (${state})`}; the transaction cannot be committed: roll it back`
  const fault = state === undefined ? 'outage' : postgresFault({ code: state, severity: 'ERROR' })
  if (fault === 'access') return new ConfigError(message, { cause })
  if (fault === 'outage') return new StoreUnavailableError(message, { cause })
  return new CeleriacError('STORE_REFUSED', message, { cause })
}

/** Knex writes the statement, with all that is sent, before what the server says. */
function textOf({ message }: Error): string {
  const at = message.lastIndexOf(' - ')
  return /^(?:select|with|savepoint|release|rollback)\b/i.test(message) && at !== -1 ? message.slice(at + 3) : message
}
