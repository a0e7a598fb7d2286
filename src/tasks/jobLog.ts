import type { LogLine } from '../protocol/emission.ts'
import { toJson } from '../protocol/plainJson.ts'
import { type Clock, isoOf } from '../std/clock.ts'
import { EncodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { LeveledLogger, LINE_LEVELS, type LineLevel, type Logger, SECRETS } from '../std/log.ts'
import type { OutputBuffer } from './outputBuffer.ts'

/** A line that is too long keeps this many characters of its message, and none of its fields. */
const CUT_MESSAGE_LENGTH = 4000

/** What the lines of one job have in common. */
interface Exposure {
  readonly output: OutputBuffer
  readonly clock: Clock
  /** Lines below it are not exposed. */
  readonly level: LineLevel
  /** Lines that were left out since the last that was not. */
  left: number
}

/**
 * A task's logger whose lines are events of the job, too. What is written to the worker's log is what it is without.
 */
export class ExposedLog extends LeveledLogger {
  readonly #log: Logger
  readonly #exposure: Exposure
  readonly #fields: object

  constructor(log: Logger, exposure: Exposure, fields: object = {}) {
    super()
    this.#log = log
    this.#exposure = exposure
    this.#fields = fields
  }

  override child(fields: object): Logger {
    return new ExposedLog(this.#log.child(fields), this.#exposure, { ...this.#fields, ...fields })
  }

  protected override line(level: LineLevel, fields: object, message: string): void {
    this.#log[level](fields, message)
    const { output, level: least, left } = this.#exposure
    if (LINE_LEVELS.indexOf(level) < LINE_LEVELS.indexOf(least)) return
    // A line is not worth a wait: what the store does not keep pace with is left out, and counted.
    if (output.isFull) {
      this.#exposure.left++
      return
    }
    this.#exposure.left = 0
    if (left > 0)
      send(this.#exposure, 'warn', {}, `${left} lines are left out here: they came faster than the store takes them`)
    send(this.#exposure, level, { ...this.#fields, ...fields }, message)
  }
}

function send({ output, clock }: Exposure, level: LineLevel, fields: object, message: string): void {
  const line = { level, time: isoOf(clock.now()), message: String(message).toWellFormed() }
  try {
    output.send('log', { ...line, fields: plain(fields) } satisfies LogLine)
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error
    output.send('log', {
      ...line,
      message: `${line.message.slice(0, CUT_MESSAGE_LENGTH).toWellFormed()}…`,
      fields: {},
    } satisfies LogLine)
  }
}

/** Fields as JSON has them; an error without its stack, a secret without its value. */
function plain(fields: object): Record<string, unknown> {
  try {
    return JSON.parse(toJson(redacted(fields, 2))) as Record<string, unknown>
  } catch {
    // A circle, or what throws when it is looked at: a log line is not worth an error, so they go as text.
    return Object.fromEntries(Object.keys(fields).map((key) => [key, 'not shown']))
  }
}

/** Secrets are looked for at the top and one level down, as in the worker's own log. */
function redacted(value: unknown, levels: number): unknown {
  if (value instanceof Error) return { type: value.name, message: value.message }
  if (levels === 0 || !isRecord(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => {
    return [key, SECRETS.includes(key) ? '[redacted]' : redacted(inner, levels - 1)]
  })
  return Object.fromEntries(entries)
}
