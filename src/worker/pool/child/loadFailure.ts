import { ArgumentError, ConfigError, WorkerLostError } from '../../../std/errors.ts'
import { asError, codeOf } from '../../../std/thrown.ts'
import type { LoadFailure } from './messages.ts'

/** An error as plain data, as why a child cannot start. */
export function loadFailureOf(thrown: unknown): LoadFailure {
  const error = asError(thrown)
  const { name, message, stack, cause } = error
  const all = cause instanceof Error ? `${stack}\ncaused by ${cause.stack}` : stack
  return { name, message, stack: all, code: codeOf(error) }
}

/** The error again; of ours those that such messages have. */
export function loadError({ name, message, stack, code }: LoadFailure): Error {
  if (name === 'ConfigError') return new ConfigError(message)
  if (name === 'ArgumentError') return new ArgumentError(message)
  if (name === 'WorkerLostError') return new WorkerLostError(message)
  const error = Object.assign(new Error(message), { name, stack })
  return code === undefined ? error : Object.assign(error, { code })
}
