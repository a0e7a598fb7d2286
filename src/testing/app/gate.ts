import { AsyncLocalStorage } from 'node:async_hooks'
import { StoreUnavailableError } from '../../std/errors.ts'
import type { FakeClock } from './fakeClock.ts'
import { codeHere, never, processHere } from './testProcess.ts'

/** Set in a call that has passed with all that it calls. */
const passed = new AsyncLocalStorage<true>()

/**
 * What every call of the stores passes: it rejects while the stores are unavailable, and never returns to a process
 * that is dead.
 */
export class Gate {
  /** The stores' own time: its timers belong to no process. */
  readonly clock: FakeClock
  #steps = 0
  /** Until when the stores are unavailable, ms since the epoch. */
  #awayUntil = 0
  readonly #listeners = new Set<() => void>()

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  /** Grows with all that happens: while it stays the same, nothing moves. */
  get steps(): number {
    return this.#steps
  }

  /** Something has happened. */
  step(): void {
    this.#steps++
  }

  /** Why the stores do not answer; undefined where they do. */
  get problem(): StoreUnavailableError | undefined {
    if (this.clock.now() >= this.#awayUntil) return undefined
    const end = new Date(this.#awayUntil).toISOString()
    return new StoreUnavailableError(`the stores of this test are unavailable until ${end} (storeAway)`)
  }

  /** Until when the stores are unavailable, ms since the epoch; a moment that has passed where they answer. */
  get awayUntil(): number {
    return this.#awayUntil
  }

  /** The stores are unavailable for this long, ms, or for what remains of an earlier time if that is longer. */
  away(ms: number): void {
    this.#awayUntil = Math.max(this.#awayUntil, this.clock.now() + ms)
    this.#tell()
    this.clock.after(ms, () => this.#tell())
  }

  /** The stores answer again. */
  open(): void {
    this.#awayUntil = 0
    this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Called when the stores become unavailable or answer again; the returned function ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async pass<Value>(call: () => Promise<Value>): Promise<Value> {
    if (passed.getStore()) return call()
    const process = processHere()
    if (process?.isDead) return never()
    this.#steps++
    const { problem } = this
    if (problem) throw problem
    const value = await call()
    return process?.isDead ? never() : value
  }

  /** One write of several calls: all of them pass, or none. */
  passAll<Value>(write: () => Promise<Value>): Promise<Value> {
    return this.pass(() => passed.run(true, write))
  }

  /** All methods of a part of a store are such calls. */
  guard<Part extends object>(part: Part): Part {
    return new Proxy(part, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => this.pass(() => value.apply(target, given))
      },
    })
  }

  /** What the code of the user reads here it waits for; a process that dies reads nothing more. */
  async *read<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, void> {
    const [code, process] = [codeHere(), processHere()]
    const steps = items[Symbol.asyncIterator]()
    try {
      for (;;) {
        const arrived = code?.wait()
        const { done, value } = await this.pass(() => steps.next()).finally(arrived)
        if (process?.isDead) await never()
        if (done) return
        yield value
      }
    } finally {
      await steps.return?.()
    }
  }
}
