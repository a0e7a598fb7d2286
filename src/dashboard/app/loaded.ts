import { useCallback, useEffect, useState } from 'preact/hooks'

/** Code that is loaded when it is needed; what was loaded once is there at once. */
const known = new Map<() => Promise<unknown>, unknown>()

export function useLoaded<T>(load: () => Promise<T>): {
  readonly value: T | undefined
  readonly error: Error | undefined
  readonly retry: () => void
} {
  const [error, setError] = useState<Error>()
  const [, setCount] = useState(0)
  const start = useCallback(() => {
    if (known.has(load)) return
    setError(undefined)
    load().then(
      (value) => {
        known.set(load, value)
        setCount((count) => count + 1)
      },
      (reason) => setError(reason as Error),
    )
  }, [load])
  useEffect(start, [start])
  return { value: known.get(load) as T | undefined, error, retry: start }
}
