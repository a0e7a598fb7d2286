import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../std/clock.ts'
import type { Gate } from './gate.ts'
import { codeHere, processHere } from './testProcess.ts'

/** The app's view of a fake clock: its timers belong to the process in which they were made. */
export class AppClock implements Clock {
  readonly steady = true
  readonly #gate: Gate

  constructor(gate: Gate) {
    this.#gate = gate
  }

  now(): number {
    return this.#gate.clock.now()
  }

  after(ms: number, wake: () => void, background = false): () => void {
    const process = processHere()
    if (process?.isDead) return () => undefined
    this.#gate.step()
    const arrived = background ? undefined : codeHere()?.wait()
    const bound = AsyncLocalStorage.bind(wake)
    const cancel = this.#gate.clock.after(ms, () => {
      arrived?.()
      if (!process?.isDead) bound()
    })
    return () => {
      arrived?.()
      cancel()
    }
  }
}
