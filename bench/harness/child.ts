import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Answers, silenceOf } from './answers.ts'

/** Longest that a child takes to end by itself, ms; then it is killed. */
const END_LIMIT_MS = 60_000

/** A process of its own, on Node, that does one part of a measurement. */
export class Child {
  readonly #process: ChildProcess
  readonly #answers: Answers

  /** `order` is passed to the file as JSON. */
  constructor(file: URL, order: object) {
    const path = fileURLToPath(file)
    this.#answers = new Answers(basename(path), silenceOf(order))
    this.#process = fork(path, [JSON.stringify(order)])
    this.#process.on('message', (answer) => this.#answers.add(answer))
    this.#process.once('exit', (code, signal) => this.#answers.close(signal ?? `exit code ${code}`))
  }

  get pid(): number {
    return this.#process.pid as number
  }

  /** Send it a message. */
  tell(message: string): void {
    this.#process.send(message)
  }

  next<Message>(): Promise<Message> {
    return this.#answers.next<Message>()
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await exited(this.#process)
  }
}

/** Resolves when the process has ended; it is killed when that takes too long. */
export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS)
  await once(child, 'exit')
  clearTimeout(timer)
}
