import { stringify } from '../../../../client/json.ts'
import type { LoggedLine } from '../../../../client/types.ts'

/** A line of the log, as it is kept for the page. */
export interface LogRow {
  /** From 0, of all lines that came; a line keeps it when older ones are dropped. */
  readonly number: number
  readonly attempt: number
  readonly level: LoggedLine['level']
  readonly time: string
  /** Cut, where it is long. */
  readonly message: string
  /** The fields as JSON, cut where that is long; undefined where there are none. */
  readonly fields?: string
}

export const LEVELS: readonly LoggedLine['level'][] = ['debug', 'info', 'warn', 'error']

/** Lines, and characters of all of them, that are kept: the oldest are dropped. */
const MAX_LINES = 20_000
const MAX_LENGTH = 8_000_000
/** Characters of one message, and of its fields. */
const MAX_TEXT = 4000
/** So many are dropped at once: to drop one costs as much. */
const DROPPED_AT_ONCE = 1000

/** The newest lines of a log: its memory has a limit, whatever comes. */
export class LineBuffer {
  rows: LogRow[] = []
  /** How many lines came, and how many of them are not kept any more. */
  count = 0
  dropped = 0
  #length = 0

  add({ attempt, level, time, message, fields }: LoggedLine): void {
    const text = Object.keys(fields).length === 0 ? undefined : cut(stringify(fields))
    const row = {
      number: this.count++,
      attempt,
      level,
      time,
      message: cut(message),
      ...(text !== undefined && { fields: text }),
    }
    this.rows.push(row)
    this.#length += lengthOf(row)
    if (this.rows.length > MAX_LINES || this.#length > MAX_LENGTH) this.#drop()
  }

  #drop(): void {
    const gone = this.rows.splice(0, Math.min(DROPPED_AT_ONCE, this.rows.length - 1))
    for (const row of gone) this.#length -= lengthOf(row)
    this.dropped += gone.length
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} characters more)`
}

function lengthOf({ message, fields = '' }: LogRow): number {
  return message.length + fields.length
}

/** Characters of the output that are kept: its end. */
const MAX_OUTPUT = 200_000

/** What a task emits, as one text: texts as they are, other parts as lines of JSON. A new run begins it again. */
export class OutputText {
  text = ''
  attempt = 1
  /** Characters at its beginning that are not kept. */
  dropped = 0
  #parts: string[] = []
  #length = 0

  add(attempt: number, part: unknown): void {
    if (attempt !== this.attempt) {
      this.attempt = attempt
      this.text = ''
      this.dropped = 0
      this.#parts = []
      this.#length = 0
    }
    const text = typeof part === 'string' ? part : `${stringify(part)}\n`
    this.#parts.push(text)
    this.#length += text.length
    // To join and cut at each part would cost as much as all of the text.
    if (this.#length > MAX_OUTPUT) this.join()
  }

  /** Put what came since the last time behind the text. */
  join(): void {
    if (this.#parts.length === 0) return
    const whole = this.text + this.#parts.join('')
    this.#parts = []
    this.#length = 0
    this.text = whole.slice(-MAX_OUTPUT)
    this.dropped += whole.length - this.text.length
  }
}
