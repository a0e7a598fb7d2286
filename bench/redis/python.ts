import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Order } from './order.ts'

/** Debian's Python has Debian's Celery. */
export const PYTHON = '/usr/bin/python3'

/** Before each message to us. */
const MARK = 'bench: '

/** A process of its own that does one part of a measurement, in Python. */
export class PythonChild {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(order: Order) {
    const script = fileURLToPath(new URL('./celery_roles.py', import.meta.url))
    this.#process = spawn(PYTHON, [script, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        BENCH_BROKER_URL: order.url,
        BENCH_BACKEND_URL: order.backend ?? order.url,
        PYTHONDONTWRITEBYTECODE: '1',
        C_FORCE_ROOT: '1',
        PYTHONWARNINGS: 'ignore',
      },
    })
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  /** What it says next. Rejects when it ends without a word. */
  async next<Message>(): Promise<Message> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(`${PYTHON}: ended without a result`)
      // A worker prints its banner too.
      if (value.startsWith(MARK)) return JSON.parse(value.slice(MARK.length)) as Message
    }
  }

  /** Have it end by itself, and wait for that. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.stdin.end()
    await gone
  }
}
