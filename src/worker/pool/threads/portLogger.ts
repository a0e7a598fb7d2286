import type { MessagePort } from 'node:worker_threads'
import { LeveledLogger, type LineLevel, type Logger } from '../../../std/log.ts'
import type { FromThread } from './messages.ts'

/** A thread's logger: its lines are written by the worker's own, so that level, format and destination are the same. */
export class PortLogger extends LeveledLogger {
  readonly #port: MessagePort
  readonly #fields: object

  constructor(port: MessagePort, fields: object = {}) {
    super()
    this.#port = port
    this.#fields = fields
  }

  override child(fields: object): Logger {
    return new PortLogger(this.#port, { ...this.#fields, ...fields })
  }

  protected override line(level: LineLevel, fields: object, message: string): void {
    const all = { ...this.#fields, ...fields }
    const post: FromThread = { type: 'log', level, fields: all, message }
    try {
      this.#port.postMessage(post)
    } catch {
      // Functions and the like cannot cross; a log line is not worth an error, so they go as text.
      const texts = Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)]))
      this.#port.postMessage({ ...post, fields: texts })
    }
  }
}
