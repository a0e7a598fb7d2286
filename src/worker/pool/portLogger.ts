import type { MessagePort } from 'node:worker_threads'
import type { Logger, LogLevel } from '../../std/log.ts'
import type { FromThread } from './threadMessage.ts'

/** A thread's logger: its lines are written by the worker's own, so that level, format and destination are the same. */
export class PortLogger implements Logger {
  readonly #port: MessagePort
  readonly #fields: object

  constructor(port: MessagePort, fields: object = {}) {
    this.#port = port
    this.#fields = fields
  }

  debug(fields: object, message: string): void {
    this.#post('debug', fields, message)
  }
  info(fields: object, message: string): void {
    this.#post('info', fields, message)
  }
  warn(fields: object, message: string): void {
    this.#post('warn', fields, message)
  }
  error(fields: object, message: string): void {
    this.#post('error', fields, message)
  }
  child(fields: object): Logger {
    return new PortLogger(this.#port, { ...this.#fields, ...fields })
  }

  #post(level: Exclude<LogLevel, 'silent'>, fields: object, message: string): void {
    const all = { ...this.#fields, ...fields }
    const line: FromThread = { type: 'log', level, fields: all, message }
    try {
      this.#port.postMessage(line)
    } catch {
      // Functions and the like cannot cross; a log line is not worth an error, so they go as text.
      const texts = Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)]))
      this.#port.postMessage({ ...line, fields: texts })
    }
  }
}
