import { Worker } from 'node:worker_threads'

export interface ServiceThreadParts<Report> {
  readonly name: string
  /** The code of the thread. Throws where it is missing. */
  readonly file: () => URL
  /** `workerData` of the thread. */
  readonly data: unknown
  /** Called with each message of the thread. It sends one as soon as it listens. */
  readonly hear: (report: Report) => void
  /** Called with what ended a thread. */
  readonly failed: (error: Error) => void
  /** Called when a thread has replaced one that died: the new thread has no state. */
  readonly restarted: () => void
}

/** Wait before a thread that died is started again, ms. */
const RESTART_DELAY_MS = 1000

/**
 * A thread that serves this process until `close`, and is started again when it dies. It does not keep the process
 * alive, but for its start and its end. It must end by itself after the message `{ close: true }`.
 */
export class ServiceThread<Command, Report> {
  readonly #parts: ServiceThreadParts<Report>
  #thread: Worker | undefined
  #ready: Promise<void> | undefined
  #closed = false

  constructor(parts: ServiceThreadParts<Report>) {
    this.#parts = parts
  }

  /**
   * Start it, if it does not run: resolves when it listens. Rejects when its code is missing, or when it dies before;
   * then the next call tries again.
   */
  open(): Promise<void> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  /** Send it a command. A thread that does not run yet reads it when it does. */
  tell(command: Command): void {
    this.#thread?.postMessage(command)
  }

  /** Resolves when the thread has ended. */
  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    if (!thread) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    thread.ref()
    thread.postMessage({ close: true })
    await ended
  }

  async #begin(): Promise<void> {
    const thread = this.#start()
    thread.ref()
    try {
      await new Promise<void>((resolve, reject) => {
        thread.once('message', () => resolve())
        thread.once('error', reject)
        thread.once('exit', () => reject(new Error(`the thread ${this.#parts.name} ended at its start`)))
      })
    } finally {
      if (!this.#closed) thread.unref()
    }
  }

  #start(): Worker {
    const { name, file, data, hear, failed } = this.#parts
    const thread = new Worker(file(), { name, workerData: data })
    this.#thread = thread
    thread.on('message', hear)
    thread.on('error', failed)
    thread.on('exit', () => this.#restart(thread))
    // Last: listening to its messages would keep the process alive again.
    thread.unref()
    return thread
  }

  #restart(dead: Worker): void {
    if (this.#thread === dead) this.#thread = undefined
    if (this.#closed) return
    setTimeout(() => {
      if (this.#closed || this.#thread) return
      this.#start()
      this.#parts.restarted()
    }, RESTART_DELAY_MS).unref()
  }
}
