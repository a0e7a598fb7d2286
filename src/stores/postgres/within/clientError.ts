import { CeleriacError } from '../../../std/errors.ts'
import { asError } from '../../../std/thrown.ts'
import { errorOf } from '../connection/errors.ts'

/** PostgreSQL's code of an error that a library of the caller throws; undefined where there is none. */
export function clientSqlState(thrown: unknown): string | undefined {
  for (let error = thrown as ClientError | undefined; error !== undefined && error !== null; error = error.cause) {
    // Prisma has a code of its own, and the server's beside it.
    for (const code of [error.meta?.code, error.meta?.driverAdapterError?.cause?.originalCode, error.code])
      if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return undefined
}

interface ClientError {
  readonly code?: unknown
  readonly cause?: ClientError
  readonly meta?: {
    readonly code?: unknown
    readonly driverAdapterError?: { readonly cause?: { readonly originalCode?: unknown } }
  }
}

/** The error for what a client of the caller threw. The transaction is aborted then. */
export function clientErrorOf(thrown: unknown, place: string): Error {
  if (thrown instanceof CeleriacError) return thrown
  const cause = asError(thrown)
  const code = clientSqlState(cause)
  const about = Object.assign(new Error(textOf(cause)), code !== undefined && { code, severity: 'ERROR' })
  const known = errorOf(about, place)
  const message = `${known.message}; nothing of this transaction can be committed: roll it back`
  return known instanceof CeleriacError
    ? Object.assign(new (known.constructor as typeof Error)(message), { cause })
    : new CeleriacError('STORE_REFUSED', message, { cause })
}

/** Knex writes the statement with all its values before the server's text. */
function textOf({ message }: Error): string {
  return message.slice(message.lastIndexOf('\n') + 1).split(' - ').at(-1) ?? message
}
