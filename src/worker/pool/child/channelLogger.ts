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
      const deep = Object.entries(all).filter(([, value]) => isDeep(value, MAX_DEPTH, new Set()))
      this.#channel.send({ ...post, fields: { ...all, ...textsOf(deep) } })
    } catch {
      // Functions and the like cannot cross; a log line is not worth an error, so they go as text.
      this.#channel.send({ ...post, fields: textsOf(Object.entries(all)) })
    }
  }
}

/** Deepest nesting that crosses: far deeper, the stack of the receiving process overflows, which ends it. */
const MAX_DEPTH = 100

/** Whether it has more than `left` levels, on the way that the structured clone takes through it. */
function isDeep(value: unknown, left: number, seen: Set<object>): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return false
  if (left === 0) return true
  seen.add(value)
  const isList = value instanceof Map || value instanceof Set
  const parts: unknown[] = isList ? [...value].flat() : Object.values(value)
  if (value instanceof Error) parts.push(value.cause)
  return parts.some((part) => isDeep(part, left - 1, seen))
}

function textsOf(entries: readonly (readonly [key: string, value: unknown])[]): Record<string, string> {
  return Object.fromEntries(entries.map(([key, value]) => [key, textOf(value)]))
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    // A revoked Proxy, or an object without a text of its own: the line is worth more than this field.
    return '<unprintable>'
  }
}
