import { writeFileSync } from 'node:fs'

/** How often each task has run: a byte for each number. A process writes it at its end, and its parent checks it. */
export class Ledger {
  readonly #runs: Uint8Array

  constructor(tasks: number) {
    this.#runs = new Uint8Array(tasks)
  }

  mark(task: number): void {
    const runs = this.#runs[task]
    if (runs === undefined) throw new RangeError(`expected a task below ${this.#runs.length}, got ${task}`)
    this.#runs[task] = Math.min(255, runs + 1)
  }

  write(file: string): void {
    writeFileSync(file, this.#runs)
  }
}
