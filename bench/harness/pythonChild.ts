import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Answers, silenceOf } from './answers.ts'
import { exited } from './child.ts'
import type { Order } from './order.ts'

/** Debian's Python has Debian's Celery. */
export const PYTHON = '/usr/bin/python3'

/** Before each answer: a worker prints its banner too. */
const MARK = 'bench: '
/** What a worker that is asked to stop writes to its error output. */
const FAREWELL = 'worker: Warm shutdown'
const SCRIPT = fileURLToPath(new URL('../children/celery_roles.py', import.meta.url))

/** A process of its own that does one part of a measurement, in Python. */
export class PythonChild {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #answers: Answers

  constructor(order: Order) {
    this.#answers = new Answers('celery_roles.py', silenceOf(order))
    this.#process = spawn(PYTHON, [SCRIPT, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        BENCH_BROKER_URL: order.url,
        BENCH_BACKEND_URL: order.backend,
        PYTHONDONTWRITEBYTECODE: '1',
        C_FORCE_ROOT: '1',
        PYTHONWARNINGS: 'ignore',
      },
    })
    this.#process.once('error', (error) => this.#answers.close(error.message))
    // A process that has ended needs no order to end.
    this.#process.stdin.on('error', () => undefined)
    const lines = createInterface({ input: this.#process.stdout })
    lines.on('line', (line) => {
      if (line.startsWith(MARK)) this.#answers.add(JSON.parse(line.slice(MARK.length)))
    })
    const errors = createInterface({ input: this.#process.stderr })
    errors.on('line', (line) => {
      if (line !== '' && !line.startsWith(FAREWELL)) console.error(line)
    })
    lines.once('close', () => this.#answers.close('end of its output'))
  }

  get pid(): number {
    return this.#process.pid as number
  }

  next<Message>(): Promise<Message> {
    return this.#answers.next<Message>()
  }

  async end(): Promise<void> {
    this.#process.stdin.end()
    if (this.#process.pid !== undefined) await exited(this.#process)
  }
}
