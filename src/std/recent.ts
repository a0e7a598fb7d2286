import type { Clock } from './clock.ts'

/** A value that costs something to find out: those who ask at the same time, and a moment later, get the same. */
export class Recent<Value> {
  readonly #clock: Clock
  readonly #age: number
  readonly #find: () => Promise<Value>
  #found: { readonly value: Promise<Value>; readonly until: number } | undefined

  /** `age`: how long it may be used, ms, from the moment at which it was found. */
  constructor(clock: Clock, age: number, find: () => Promise<Value>) {
    this.#clock = clock
    this.#age = age
    this.#find = find
  }

  /** Rejects as `find` does; that is not kept. */
  get(): Promise<Value> {
    if (this.#found && this.#clock.now() < this.#found.until) return this.#found.value
    const value = this.#find()
    const found = { value, until: Number.POSITIVE_INFINITY }
    this.#found = found
    value.then(
      () => {
        found.until = this.#clock.now() + this.#age
      },
      () => this.forget(found),
    )
    return value
  }

  /** The next caller gets a new value: something was changed. */
  forget(found: { readonly value: Promise<Value>; readonly until: number } | undefined = this.#found): void {
    if (this.#found === found) this.#found = undefined
  }
}
