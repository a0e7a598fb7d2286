import { redisFault } from '../../../broker/storeErrors.ts'
import { CeleriacError, ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { isDefect } from '../../../std/thrown.ts'

/** The error for an answer of the server, or for a failure on the way to it; `place` is the server's URL for people. */
export function errorOf(error: unknown, place: string): Error {
  if (error instanceof CeleriacError || isDefect(error)) return error
  const cause = withoutCommand(error as Error)
  const message = `${place}: ${cause.message}`
  if (!isReply(error)) return new StoreUnavailableError(message, { cause })
  const fault = redisFault(cause.message)
  if (fault === 'access') return new ConfigError(message, { cause })
  if (fault === 'outage') return new StoreUnavailableError(message, { cause })
  return new CeleriacError('STORE_REFUSED', message, { cause })
}

/**
 * What a script answers for each of many: 1 or 0 as true or false; a text is the reason why this one could not be
 * written, in the server's format.
 */
export function readAnswers(answers: unknown, place: string): (boolean | Error)[] {
  return (answers as (number | string)[]).map((answer) =>
    typeof answer === 'string' ? refused(answer, place) : answer === 1,
  )
}

function refused(text: string, place: string): Error {
  const error = new Error(text)
  error.name = 'ReplyError'
  return errorOf(error, place)
}

/** ioredis attaches the command to its errors: for AUTH, that is the password. */
function withoutCommand(error: Error): Error {
  if (!('command' in error)) return error
  const { name, message, stack } = error
  return Object.assign(new Error(message), { name, stack })
}

/** True for an answer of the server, false for a failure of the connection. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

/** True for the reply of a server that became a replica: another server is the master. */
export function isReadOnly(error: unknown): boolean {
  return isReply(error) && /(?:^|\s-?)READONLY\s/.test((error as Error).message)
}

/** Replies of a server that cannot answer now and has done nothing: handled as if the server were unavailable. */
const TRANSIENT_REPLY = /(?:^|\s-?)(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)\s/

/** True where the same command may be sent again, for as long as a call waits: a failover, a restart, a long script. */
export function isPassing(error: unknown): boolean {
  return isReply(error) && TRANSIENT_REPLY.test((error as Error).message)
}

/** True for the reply to EVALSHA when the server does not know the script. */
export function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
