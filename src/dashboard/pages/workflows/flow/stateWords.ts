import { isEnded } from '../../../parts/state.tsx'
import { count } from '../../../parts/text/format.ts'
import { visible } from '../../../parts/text/outside.tsx'

/** As `2 FAILURE · 38 SUCCESS`. */
export function stateWords(parts: readonly (readonly [state: string, count: number])[]): string {
  return parts.map(([state, some]) => `${count(some)} ${visible(state.slice(0, 40))}`).join(' · ')
}

/** Failures first, then what has not ended, then the others. */
export function byUrgency(
  states: Iterable<readonly [state: string, count: number]>,
): readonly (readonly [state: string, count: number])[] {
  const weight = (state: string): number => (state === 'FAILURE' ? 0 : isEnded(state) ? 2 : 1)
  return [...states].sort(([a], [b]) => weight(a) - weight(b) || (a < b ? -1 : 1))
}
