import pino, { type DestinationStream } from 'pino'
import { ArgumentError } from './errors.ts'
import { shown } from './validate.ts'

/** What the program says, by level; `fields` are data beside the words. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Logger
}

/** Level of one line. */
export type LineLevel = 'debug' | 'info' | 'warn' | 'error'
/** Levels of lines, least severe first. */
export const LINE_LEVELS: readonly LineLevel[] = ['debug', 'info', 'warn', 'error']

/** The least level that is written; `silent`: none is. */
export type LogLevel = LineLevel | 'silent'
/** Least severe first. */
export const LOG_LEVELS: readonly LogLevel[] = [...LINE_LEVELS, 'silent']

/**
 * Field of a line that is written once, whatever number of threads and processes of a worker log it: what the line is
 * about.
 */
export const ONCE_FIELD = 'celeriac_once'

/** Where log lines go; false: nowhere. */
export type LogOption = Logger | false

const METHODS = [...LINE_LEVELS, 'child'] as const

/** Throws ArgumentError for what is no log: it would fail with the first line. */
export function requireLog(option: unknown, where: string): void {
  if (option === false) return
  const isObject = (typeof option === 'object' && option !== null) || typeof option === 'function'
  const methods: Readonly<Record<string, unknown>> = isObject ? Object(option) : {}
  const missing = METHODS.filter((name) => typeof methods[name] !== 'function')
  if (missing.length === 0) return
  const got = isObject ? 'an object' : shown(option)
  throw new ArgumentError(
    `${where}: expected false, or a logger with ${METHODS.join(', ')}, got ${got} without ${missing.join(', ')}`,
  )
}

/**
 * The least level that a logger writes, if the logger can report it, as pino can; else each level counts as written.
 */
export function leastLevel(logger: Logger): LogLevel {
  const { isLevelEnabled } = logger as { isLevelEnabled?: (this: Logger, level: string) => boolean }
  if (typeof isLevelEnabled !== 'function') return 'debug'
  return LINE_LEVELS.find((level) => isLevelEnabled.call(logger, level)) ?? 'silent'
}

/** Keys whose values never reach a log, at the top and one level down. */
export const SECRETS: readonly string[] = ['password', 'authorization', 'cookie', 'token', 'secret', 'apiKey']

/** A logger that does the same with a line of any level. */
export abstract class LeveledLogger implements Logger {
  debug(fields: object, message: string): void {
    this.line('debug', fields, message)
  }
  info(fields: object, message: string): void {
    this.line('info', fields, message)
  }
  warn(fields: object, message: string): void {
    this.line('warn', fields, message)
  }
  error(fields: object, message: string): void {
    this.line('error', fields, message)
  }
  abstract child(fields: object): Logger
  protected abstract line(level: LineLevel, fields: object, message: string): void
}

/** A pino logger: JSON lines on standard error, or on `destination`. Values of secret-looking keys are redacted. */
export function createLogger(
  level: LogLevel,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const paths = SECRETS.flatMap((key) => [key, `*.${key}`])
  return pino({ level, base: undefined, redact: { paths, censor: '[redacted]' } }, destination)
}
