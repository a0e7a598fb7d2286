import { sqliteCode, sqliteFault } from '../../../broker/storeErrors.ts'
import { CeleriacError, ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { asError } from '../../../std/thrown.ts'
import { isBusy } from '../database.ts'

/** Another connection has written since the transaction began to read: https://sqlite.org/rescode.html */
const SQLITE_BUSY_SNAPSHOT = 517

/**
 * The error for what a database of the caller threw: its `cause`. What no statement threw stays as it is. `isOpen`: the
 * transaction is.
 */
export function clientErrorOf(thrown: unknown, place: string, isOpen: boolean): unknown {
  if (sqliteCode(thrown) === undefined) return thrown
  const cause = asError(thrown)
  const message = `${place}: ${cause.message}${hintOf(cause, isOpen)}`
  const fault = sqliteFault(cause)
  if (fault === 'access') return new ConfigError(message, { cause })
  if (fault === 'outage') return new StoreUnavailableError(message, { cause })
  return new CeleriacError('STORE_REFUSED', message, { cause })
}

function hintOf(cause: Error, isOpen: boolean): string {
  if (!isOpen) return '; SQLite has rolled the transaction back'
  if ((cause as { errcode?: unknown }).errcode === SQLITE_BUSY_SNAPSHOT)
    return '; another connection has written since this transaction began to read: roll it back and repeat it, or begin it by BEGIN IMMEDIATE'
  return isBusy(cause)
    ? '; another connection writes now: begin by BEGIN IMMEDIATE, on a DatabaseSync with the option timeout'
    : ''
}
