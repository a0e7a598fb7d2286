import { asError } from './thrown.ts'

/** A typed emitter. A listener's error goes to `report`, never to the one who emits. */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<(event: never) => unknown>> = new Map()
  readonly #report: (error: Error, event: keyof Events) => void

  constructor(report: (error: Error, event: keyof Events) => void) {
    this.#report = report
  }

  /** Listen; the returned function ends it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): () => void {
    let listeners = this.#listeners.get(name)
    if (!listeners) {
      listeners = new Set()
      this.#listeners.set(name, listeners)
    }
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  /** True when there is a listener: lets a hot path skip building the event. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name)
    if (!listeners) return
    for (const listener of listeners) {
      try {
        const done = listener(event as never)
        if (done instanceof Promise) done.catch((error: unknown) => this.#report(asError(error), name))
      } catch (error) {
        this.#report(asError(error), name)
      }
    }
  }
}
