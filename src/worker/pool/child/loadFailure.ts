import { ConfigError } from '../../../std/errors.ts'
import { asError, codeOf } from '../../../std/thrown.ts'
import type { LoadFailure } from './messages.ts'

/** Why a child cannot start, as its task module cannot be loaded, as plain data. */
export function loadFailureOf(thrown: unknown): LoadFailure {
  const error = asError(thrown)
  const { name, message, stack, cause } = error
  const all = cause instanceof Error ? `${stack}\ncaused by ${cause.stack}` : stack
  return { name, message, stack: all, code: codeOf(error) }
}

/** The error again. Of its class, only ConfigError is known here. */
export function loadError({ name, message, stack, code }: LoadFailure): Error {
  if (name === 'ConfigError') return new ConfigError(message)
  const error = Object.assign(new Error(message), { name, stack })
  return code === undefined ? error : Object.assign(error, { code })
}
