import type { JSX } from 'preact'
import { kindOf } from '../../parts/state.tsx'
import { byUrgency, stateWords } from './flow/stateWords.ts'

/** How many jobs are in each state, as a bar and as text; failures come first, what has ended well comes last. */
export function StateCounts({ states }: { states: Readonly<Record<string, number>> }): JSX.Element {
  const parts = byUrgency(Object.entries(states))
  const all = parts.reduce((sum, [, some]) => sum + some, 0)
  return (
    <span class="state-counts">
      <span class="bar" aria-hidden="true">
        {parts.map(([state, some]) => (
          <span key={state} class={kindOf(state)} style={{ width: `${(100 * some) / Math.max(1, all)}%` }} />
        ))}
      </span>
      <span class="words">{stateWords(parts)}</span>
    </span>
  )
}
