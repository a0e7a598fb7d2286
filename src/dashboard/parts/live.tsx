import type { JSX } from 'preact'
import { type LiveState, liveState } from '../api/live.ts'
import { useValue } from '../api/signal.ts'

const WORDS: Readonly<Record<LiveState, string>> = {
  off: 'Not live',
  live: 'Live',
  paused: 'Paused while hidden',
  broken: 'Connection lost, trying again',
}

/** Whether the page follows what happens. */
export function Live(): JSX.Element {
  const state = useValue(liveState)
  return (
    <span class={`live ${state}`} role="status">
      {WORDS[state]}
    </span>
  )
}
