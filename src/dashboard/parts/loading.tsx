import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** From then on it is shown that the server has not answered, ms. */
const LATE_MS = 3000

/** Shown only where something takes longer than a moment, so that nothing flickers. */
export function Loading(): JSX.Element {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(setLate, LATE_MS, true)
    return () => clearTimeout(timer)
  }, [])
  return (
    <p class="loading quiet" role="status">
      {isLate ? 'Loading… The server has not answered yet.' : 'Loading…'}
    </p>
  )
}
