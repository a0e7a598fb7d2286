import type { JSX } from 'preact'
import { type LiveState, liveState } from '../api/live.ts'

const WORDS: Readonly<Record<LiveState, string>> = {
  off: 'Not live',
  live: 'Live',
  paused: 'Paused while hidden',
  broken: 'Connection lost, trying again',
}

/** Whether the page follows what happens. */
export function Live(): JSX.Element {
  return (
    <span class={`live ${liveState.value}`} role="status">
      {WORDS[liveState.value]}
    </span>
  )
}
