import { CeleriacError, ConfigError, StoreUnavailableError } from '../../std/errors.ts'

/** Codes of replies that pass with time, or with room: the server is there and cannot serve now. */
const UNAVAILABLE =
  /(?:^|\s-?)(?:OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|BUSY|NOREPLICAS|MISCONF|TRYAGAIN|UNBLOCKED)\s|^ERR max number/
/** Replies that pass when somebody mends the URL or the server's users. */
const CONFIGURATION = /^(?:NOAUTH|WRONGPASS|NOPERM)\b|^ERR (?:invalid password|DB index|AUTH |Client sent AUTH)/

/** The error that stands for what the server, or the way to it, answered; `place` is its URL for people. */
export function errorOf(error: unknown, place: string): Error {
  if (error instanceof CeleriacError) return error
  const cause = error as Error
  const message = `${place}: ${cause.message}`
  if (!isReply(error)) return new StoreUnavailableError(message, { cause })
  if (CONFIGURATION.test(cause.message)) return new ConfigError(message, { cause })
  if (UNAVAILABLE.test(`${cause.message} `)) return new StoreUnavailableError(message, { cause })
  return new CeleriacError('STORE_REFUSED', message, { cause })
}

/** True for what the server answered, false for a failure on the way. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

/** True for the reply of a server that became a replica: the one to write to is elsewhere. */
export function isReadOnly(error: unknown): boolean {
  return isReply(error) && /(?:^|\s-?)READONLY\s/.test((error as Error).message)
}

/** True for the reply to EVALSHA where the script is not known. */
export function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
