import type { LiveProblemDocument, LiveSubject } from '../../../protocol/liveDocument.ts'
import { toJson } from '../../../protocol/plainJson.ts'
import type { Clock } from '../../../std/clock.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import { pause } from '../../../std/pause.ts'
import { field } from '../../output/eventFormat.ts'

/** What a stream of changes watches. It knows what was sent last, and reads what has changed since then. */
export interface Part {
  readonly subject: LiveSubject
  /** ms from one message to the next, at least; and from a read that found nothing to the next one. */
  readonly interval: number
  readonly idle: number
  /** Nothing can have changed but by what was recorded. */
  readonly isRecorded: boolean
  /**
   * The next message as it is written; undefined where nothing has changed, unless `isWanted`: a message ends the
   * problem that one before has reported. Rejects with StoreUnavailableError.
   */
  read(isWanted: boolean): Promise<string | undefined>
}

/** A part reads for at most this share of the time. */
const READING_SHARE = 0.2
/** What cannot be read is tried again after this time, ms. */
const RETRY_MS = 1000

/** A message of a stream. `number`: of the last change that it has. */
export function message(name: string, data: object, number?: number): string {
  const id = number === undefined ? '' : field('id', String(number))
  return `${id}${field('event', name)}${field('data', toJson(data))}\n`
}

/** `signal`: ends it. */
interface PartTiming {
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Reads one part again and again, as often as it may be read and can have changed. */
export class PartReader {
  readonly #part: Part
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #isDue = true
  #wake: () => void = () => undefined
  #notBefore = 0
  #isFailing = false

  constructor(part: Part, { clock, signal }: PartTiming) {
    this.#part = part
    this.#clock = clock
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** Something was recorded. */
  recorded(): void {
    this.#isDue = true
    this.#wake()
  }

  /** Its next message; undefined at the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      await this.#due()
      if (this.#signal.aborted) return undefined
      this.#isDue = !this.#part.isRecorded
      const text = await this.#read()
      if (text !== undefined) return text
    }
  }

  async #due(): Promise<void> {
    while (!this.#isDue && !this.#signal.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    const left = this.#notBefore - performance.now()
    if (left > 0) await pause(left, this.#clock, this.#signal, true)
  }

  /** What cannot be read is reported once, and tried again; the message behind it ends the problem. */
  async #read(): Promise<string | undefined> {
    const { subject, interval, idle } = this.#part
    const began = performance.now()
    try {
      const text = await this.#part.read(this.#isFailing)
      const took = performance.now() - began
      this.#notBefore = began + Math.max(text === undefined ? idle : interval, took / READING_SHARE)
      this.#isFailing = false
      return text
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      this.#notBefore = performance.now() + Math.max(interval, RETRY_MS)
      this.#isDue = true
      if (this.#isFailing) return undefined
      this.#isFailing = true
      const detail = `${subject} cannot be read now: the store does not answer`
      return message('problem', { watch: subject, detail } satisfies LiveProblemDocument)
    }
  }
}

/** One message of one of them. */
interface Ready {
  readonly reader: PartReader
  readonly text: string | undefined
  readonly error?: unknown
}

/**
 * The messages of all parts, as they come, while the consumer takes them. Of each part one at most waits for a slow
 * consumer: the next is read when that was taken, and has all that has changed meanwhile. `watch`: calls when something
 * was recorded, and returns its end.
 */
export async function* mergedParts(
  parts: readonly Part[],
  watch: (written: () => void) => () => void,
  timing: PartTiming,
): AsyncGenerator<string, void, void> {
  const readers = parts.map((part) => new PartReader(part, timing))
  const { signal } = timing
  const ready: Ready[] = []
  let wake: () => void = () => undefined
  const put = (one: Ready): void => {
    ready.push(one)
    wake()
  }
  const begin = (reader: PartReader): void => {
    reader.next().then(
      (text) => put({ reader, text }),
      (error: unknown) => put({ reader, text: undefined, error }),
    )
  }
  const unwatch = watch(() => {
    for (const reader of readers) reader.recorded()
  })
  const ended = (): void => wake()
  signal.addEventListener('abort', ended, { once: true })
  try {
    // What the client asks for from now on leaves no gap before the messages.
    yield message('open', {})
    for (const reader of readers) begin(reader)
    while (!signal.aborted) {
      const one = ready.shift()
      if (!one)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      else if (one.error !== undefined) throw one.error
      else if (one.text !== undefined) {
        yield one.text
        begin(one.reader)
      }
    }
  } finally {
    unwatch()
    signal.removeEventListener('abort', ended)
  }
}
