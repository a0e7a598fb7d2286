import type { StopSignal } from '../../std/stopSignal.ts'
import { HEARTBEAT, OPENING } from './eventFormat.ts'

export interface EventSource {
  /** The events, each as it is written; ends when there are no more, or on abort. */
  events(signal: AbortSignal): AsyncIterable<string>
  /** Called with an error that ended the stream. */
  fail(error: unknown): void
  /** ms between two signs of life. */
  readonly heartbeat: number
  /** The server closes: the stream ends, and its client reconnects. */
  readonly closing: StopSignal | undefined
  /** Ends the connection; absent where the host does not show it: the stream then fails, and the host ends it. */
  readonly hangUp: (() => void) | undefined
}

/** The connection of a reader that takes nothing for this many heartbeats is closed. */
const MAX_UNREAD_HEARTBEATS = 8
const encoder = new TextEncoder()

/**
 * The body of an event stream. Nothing is kept for a slow reader but one event: the next is fetched when it has taken
 * that one, from the log that all followers of the job share. One that takes nothing for eight heartbeats is
 * disconnected, and may reconnect with `Last-Event-ID`.
 */
export function eventStream(source: EventSource): ReadableStream<Uint8Array> {
  const writing = new Writing(source)
  return new ReadableStream(
    { pull: (controller) => writing.pull(controller), cancel: () => writing.cancel() },
    { highWaterMark: 0 },
  )
}

class Writing {
  readonly #source: EventSource
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Signs of life that the reader did not take, one after the other. */
  #missed = 0
  /** The reader waits for something. */
  #wanted = false
  #want: () => void = () => undefined
  readonly #close = (): void => {
    this.#end()
    this.#controller?.close()
  }

  constructor(source: EventSource) {
    this.#source = source
  }

  /** The reader wants something; the first time, the stream begins. */
  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#wanted = true
    this.#missed = 0
    if (this.#controller) {
      this.#want()
      return
    }
    this.#controller = controller
    this.#timer = setInterval(() => this.#beat(), this.#source.heartbeat)
    this.#source.closing?.addEventListener('abort', this.#close)
    this.#send(OPENING)
    if (this.#source.closing?.aborted) {
      this.#close()
      return
    }
    void this.#run()
  }

  cancel(): void {
    this.#end()
  }

  async #run(): Promise<void> {
    try {
      for await (const text of this.#source.events(this.#stop.signal)) {
        if (!this.#wanted) await this.#reader()
        if (this.#stop.signal.aborted) return
        this.#send(text)
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#source.fail(error)
    }
    if (!this.#stop.signal.aborted) this.#close()
  }

  /** Resolves when the reader wants something, or is gone. */
  #reader(): Promise<void> {
    return new Promise((resolve) => {
      this.#want = resolve
    })
  }

  #send(text: string): void {
    this.#wanted = false
    this.#controller?.enqueue(encoder.encode(text))
  }

  #beat(): void {
    if (this.#wanted) this.#send(HEARTBEAT)
    else if (++this.#missed >= MAX_UNREAD_HEARTBEATS) {
      this.#end()
      if (this.#source.hangUp) this.#source.hangUp()
      else this.#controller?.error(new Error('the reader takes nothing'))
    }
  }

  #end(): void {
    clearInterval(this.#timer)
    this.#source.closing?.removeEventListener('abort', this.#close)
    this.#stop.abort()
    this.#want()
  }
}
