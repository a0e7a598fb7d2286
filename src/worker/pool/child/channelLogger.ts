import { LeveledLogger, type LineLevel, type Logger } from '../../../std/log.ts'
import type { Channel } from './channel.ts'
import type { FromChild } from './messages.ts'

/** A child's logger: its lines are written by the worker's own, so that level, format and destination are the same. */
export class ChannelLogger extends LeveledLogger {
  readonly #channel: Channel
  readonly #fields: object

  constructor(channel: Channel, fields: object = {}) {
    super()
    this.#channel = channel
    this.#fields = fields
  }

  override child(fields: object): Logger {
    return new ChannelLogger(this.#channel, { ...this.#fields, ...fields })
  }

  protected override line(level: LineLevel, fields: object, message: string): void {
    const all = { ...this.#fields, ...fields }
    const post: FromChild = { type: 'log', level, fields: all, message }
    try {
      this.#channel.send(post)
    } catch {
      // Functions and the like cannot cross; a log line is not worth an error, so they go as text.
      const texts = Object.fromEntries(Object.entries(all).map(([key, value]) => [key, textOf(value)]))
      this.#channel.send({ ...post, fields: texts })
    }
  }
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    // A revoked Proxy, or an object without a text of its own: the line is worth more than this field.
    return '<unprintable>'
  }
}
