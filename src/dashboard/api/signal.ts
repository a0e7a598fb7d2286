import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** A value that several components show. Those that use it by `useValue` are drawn again when it changes. */
export class Signal<T> {
  readonly #users = new Set<() => void>()
  #value: T

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set value(value: T) {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const changed of this.#users) changed()
  }

  /** Returns how to end it. */
  subscribe(changed: () => void): () => void {
    this.#users.add(changed)
    return () => this.#users.delete(changed)
  }
}

export function signal<T>(value: T): Signal<T> {
  return new Signal(value)
}

export function useValue<T>(signal: Signal<T>): T
/** What is read from it: only where that changes, the component is drawn again. */
export function useValue<T, Part>(signal: Signal<T>, read: (value: T) => Part): Part
export function useValue<T>(signal: Signal<T>, read: (value: T) => unknown = (value) => value): unknown {
  const latest = useRef(read)
  latest.current = read
  const [, setDrawn] = useState<unknown>()
  useLayoutEffect(() => {
    const look = (): void => setDrawn(() => latest.current(signal.value))
    look()
    return signal.subscribe(look)
  }, [signal])
  return read(signal.value)
}
