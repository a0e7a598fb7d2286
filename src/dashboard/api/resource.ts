import { useEffect, useMemo } from 'preact/hooks'
import { type Signal, signal, useValue } from './signal.ts'
import { isVisible } from './visible.ts'

/** What was loaded from the API, as far as it is there. */
export interface Resource<T> {
  /** What came last; stays while it is loaded again. */
  readonly data: T | undefined
  /** Why the last load failed; undefined after one that went well. */
  readonly error: Error | undefined
  readonly isLoading: boolean
  /** Load it again now; resolves when it has come, or failed. */
  readonly reload: () => Promise<void>
  /** Put something in place of the data, as a change by a live stream. */
  readonly update: (change: (data: T) => T) => void
}

export interface ResourceOptions {
  /** Load it again so often, ms, while the page is visible. Default: never. */
  readonly every?: number
}

/**
 * Load something when the component appears, and whenever one of `inputs` changes: then the data of before are dropped.
 * What is on its way when the component goes is aborted.
 */
export function useResource<T>(
  load: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
  { every }: ResourceOptions = {},
): Resource<T> {
  const loader = useMemo(() => new Loader(load), inputs)
  useEffect(() => {
    void loader.reload()
    return () => loader.stop()
  }, [loader])
  const visible = useValue(isVisible)
  useEffect(() => {
    if (every === undefined || !visible) return
    const timer = setInterval(() => void loader.reload(), every)
    return () => clearInterval(timer)
  }, [loader, every, visible])
  const { data, error, isLoading } = useValue(loader.state)
  return { data, error, isLoading, reload: loader.reload, update: loader.update }
}

interface State<T> {
  readonly data: T | undefined
  readonly error: Error | undefined
  readonly isLoading: boolean
}

class Loader<T> {
  readonly state: Signal<State<T>> = signal<State<T>>({ data: undefined, error: undefined, isLoading: true })
  readonly #load: (signal: AbortSignal) => Promise<T>
  #stop = new AbortController()

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    this.#load = load
  }

  readonly reload = async (): Promise<void> => {
    this.#stop.abort()
    const stop = new AbortController()
    this.#stop = stop
    this.state.value = { ...this.state.value, isLoading: true }
    try {
      const data = await this.#load(stop.signal)
      if (!stop.signal.aborted) this.state.value = { data, error: undefined, isLoading: false }
    } catch (error) {
      if (!stop.signal.aborted) this.state.value = { ...this.state.value, error: error as Error, isLoading: false }
    }
  }

  readonly update = (change: (data: T) => T): void => {
    const { data } = this.state.value
    if (data !== undefined) this.state.value = { ...this.state.value, data: change(data) }
  }

  stop(): void {
    this.#stop.abort()
  }
}
