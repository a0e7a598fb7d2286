import type { JSX } from 'preact'
import { Icon } from './icon.tsx'

const KINDS: Readonly<Record<string, string>> = {
  PENDING: 'waiting',
  RECEIVED: 'waiting',
  SENT: 'waiting',
  STARTED: 'running',
  RETRY: 'again',
  SUCCESS: 'good',
  FAILURE: 'bad',
  REVOKED: 'stopped',
  REJECTED: 'stopped',
}

/** Celery's state of a job: a mark, the word, and a color. A task's own state runs. */
export function State({ state }: { state: string }): JSX.Element {
  const kind = kindOf(state)
  return (
    <span class={`state ${kind}`}>
      <Icon name={`state-${kind}`} />
      <bdi>{state}</bdi>
    </span>
  )
}

/** The word for its color and its mark. */
export function kindOf(state: string): string {
  return KINDS[state] ?? 'running'
}

/** True for a state that does not change any more. */
export function isEnded(state: string): boolean {
  return state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED' || state === 'REJECTED'
}
