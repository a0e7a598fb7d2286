import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process of its own that does one part of a measurement. */
export class Child {
  readonly #process: ReturnType<typeof fork>
  readonly #name: string

  /** `file` lies beside this one; it is handed `order` as JSON. */
  constructor(file: string, order: object) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    this.#name = file
    this.#process = fork(path, [JSON.stringify(order)])
  }

  get pid(): number {
    return this.#process.pid as number
  }

  /** What it says next. Rejects when it ends without a word. */
  async next<Message>(): Promise<Message> {
    const stop = new AbortController()
    const said = once(this.#process, 'message', { signal: stop.signal }).then(([message]) => message as Message)
    const ended = once(this.#process, 'exit', { signal: stop.signal }).then(([code, signal]) => {
      throw new Error(`${this.#name}: ended without a result (${signal ?? `exit code ${code}`})`)
    })
    try {
      return await Promise.race([said, ended])
    } finally {
      // Both promises are settled from here on; the one that lost rejects with the abort.
      void Promise.allSettled([said, ended])
      stop.abort()
    }
  }

  /** Have it end by itself, and wait for that. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    await gone
  }
}

/** Run one order to its end: what it measured. */
export async function measure<Message>(file: string, order: object): Promise<Message> {
  const child = new Child(file, order)
  try {
    return await child.next<Message>()
  } finally {
    await child.end()
  }
}
