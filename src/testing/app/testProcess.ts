import { AsyncLocalStorage } from 'node:async_hooks'

/** A process that a test plays: a worker and a beat, which die together. All that they start belongs to it. */
export class TestProcess {
  #dead = false
  readonly #ends: (() => void)[] = []

  get isDead(): boolean {
    return this.#dead
  }

  /** Do this when it dies. */
  onDeath(end: () => void): void {
    this.#ends.push(end)
  }

  die(): void {
    if (this.#dead) return
    this.#dead = true
    for (const end of this.#ends.splice(0)) end()
  }
}

/** Code of the user that a worker runs: a task, or the hooks after its end. */
export class RunningCode {
  /** For people: task and id. */
  readonly name: string
  readonly process: TestProcess
  /** How many of its waits can end only by the fake clock, or by another task. */
  #waits = 0

  constructor(name: string, process: TestProcess) {
    this.name = name
    this.process = process
  }

  /** It waits for nothing that comes by itself. */
  get rests(): boolean {
    return this.#waits > 0
  }

  /** Such a wait begins; the returned function ends it. */
  wait(): () => void {
    this.#waits++
    let waits = true
    return () => {
      if (waits) this.#waits--
      waits = false
    }
  }
}

interface Here {
  readonly process: TestProcess
  readonly code: RunningCode | undefined
}

const here = new AsyncLocalStorage<Here>()

/** The process in which this is called; undefined in the code of the test. */
export function processHere(): TestProcess | undefined {
  return here.getStore()?.process
}

/** The code of the user in which this is called. */
export function codeHere(): RunningCode | undefined {
  return here.getStore()?.code
}

/** Run a function as a part of this process. */
export function runIn<Result>(process: TestProcess, run: () => Result, code?: RunningCode): Result {
  return here.run({ process, code }, run)
}

/** What a process gets that is dead: no answer, ever. */
export function never<Value>(): Promise<Value> {
  return new Promise(() => undefined)
}
