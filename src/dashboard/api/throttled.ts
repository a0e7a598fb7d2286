import { useEffect, useMemo, useRef } from 'preact/hooks'

/** Runs at once, and then at most once in so many ms, however often it is asked for, until the component is gone. */
export function useThrottled(run: () => unknown, ms: number): () => void {
  const latest = useRef(run)
  latest.current = run
  const throttle = useMemo(() => new Throttle(() => latest.current(), ms), [ms])
  useEffect(() => () => throttle.stop(), [throttle])
  return throttle.ask
}

class Throttle {
  readonly #run: () => unknown
  readonly #ms: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #last = Number.NEGATIVE_INFINITY

  constructor(run: () => unknown, ms: number) {
    this.#run = run
    this.#ms = ms
  }

  readonly ask = (): void => {
    this.#timer ??= setTimeout(this.#now, Math.max(0, this.#last + this.#ms - performance.now()))
  }

  readonly #now = (): void => {
    this.#timer = undefined
    this.#last = performance.now()
    this.#run()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
