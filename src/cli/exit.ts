import { CommanderError } from 'commander'
import { codeOf } from '../std/thrown.ts'

/** Codes of errors that the user corrects: by another command line, module, argument, or store. */
const USAGE_ERROR_CODES: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'CANNOT_ENCODE',
  'INVALID_INPUT',
  'INVALID_CONFIG',
  'NOT_SUPPORTED',
])
/** Codes of failures that need no stack: their message says all. */
const EXPECTED_ERROR_CODES: ReadonlySet<string> = new Set([
  'STORE_UNAVAILABLE',
  'QUEUE_FULL',
  'CANNOT_DECODE',
  'TIMEOUT',
  'UNKNOWN_JOB',
  'TASK_FAILED',
  'TASK_REVOKED',
  'RESULT_IGNORED',
  'COMMAND_FAILED',
])

/** 0 after help and version, 2 for wrong use, 1 for what failed. */
export function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return isIn(USAGE_ERROR_CODES, error) ? 2 : 1
}

/**
 * What to say of an error: one line, with `debug` its stack too. An error that is neither wrong use nor an expected
 * failure is a bug, whose stack always shows. Undefined where everything was printed already.
 */
export function failureText(error: unknown, debug: boolean): string | undefined {
  if (error instanceof CommanderError) return undefined
  const known = isIn(USAGE_ERROR_CODES, error) || isIn(EXPECTED_ERROR_CODES, error)
  const line = `celeriac: ${oneLine(messageOf(error))}`
  return debug || !known ? `${line}\n${stackOf(error)}` : line
}

/** Text without line ends. */
export function oneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').join(' ')
}

function isIn(codes: ReadonlySet<string | undefined>, error: unknown): boolean {
  return codes.has(codeOf(error))
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? String(error)
  return error.cause === undefined ? stack : `${stack}\ncaused by ${stackOf(error.cause)}`
}
