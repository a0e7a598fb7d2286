import type { JSX } from 'preact'

/** Shown only where something takes longer than a moment, so that nothing flickers. */
export function Loading(): JSX.Element {
  return (
    <p class="loading quiet" role="status">
      Loading…
    </p>
  )
}
