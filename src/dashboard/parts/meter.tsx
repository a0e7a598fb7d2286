import type { JSX } from 'preact'
import { percent } from './text/format.ts'

/** A share from 0 to 1 as a bar, with its name for those who do not see it. */
export function Meter({ share, label }: { share: number; label: string }): JSX.Element {
  const part = Math.min(1, Math.max(0, share))
  return (
    <span class="meter" role="img" aria-label={`${label}: ${percent(share)}`} title={`${label}: ${percent(share)}`}>
      <span style={{ width: `${part * 100}%` }} />
    </span>
  )
}
