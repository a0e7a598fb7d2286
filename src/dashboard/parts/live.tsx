import type { JSX } from 'preact'
import { type LiveState, liveState, troubles } from '../api/live.ts'
import { useValue } from '../api/signal.ts'
import { timeOfDay } from './text/format.ts'

const WORDS: Readonly<Record<LiveState, string>> = {
  off: 'Not live',
  live: 'Live',
  paused: 'Paused while hidden',
  broken: 'Connection lost, trying again',
}

/** Whether the page follows what happens; and what of it cannot be read now. */
export function Live(): JSX.Element {
  const state = useValue(liveState)
  const known = useValue(troubles)
  const trouble = Object.values(known)[0]
  if (state !== 'live' || !trouble)
    return (
      <span class={`live ${state}`} role="status">
        {WORDS[state]}
      </span>
    )
  const { detail, since } = trouble
  return (
    <span class="live troubled" role="status" title={detail}>
      <span>
        {/* The reason is the same for all of them. */}
        {Object.keys(known).join(', ')}: {detail.slice(detail.indexOf(':') + 2)} since {timeOfDay(since)}
      </span>
    </span>
  )
}
