import { setImmediate } from 'node:timers/promises'

/** Holds tasks back, each by its name, until it lets them go. */
export class Gates {
  readonly #gates = new Map<string, PromiseWithResolvers<void>>()
  #all = false

  /** Resolves with the name once that is open. */
  async pass(name: string): Promise<string> {
    await (this.#all ? setImmediate() : this.#gate(name).promise)
    return name
  }

  open(name: string): void {
    this.#gate(name).resolve()
  }

  openAll(): void {
    this.#all = true
    for (const { resolve } of this.#gates.values()) resolve()
  }

  #gate(name: string): PromiseWithResolvers<void> {
    const known = this.#gates.get(name)
    if (known) return known
    const gate = Promise.withResolvers<void>()
    this.#gates.set(name, gate)
    return gate
  }
}
