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
  const kind = KINDS[state] ?? 'running'
  return (
    <span class={`state ${kind}`}>
      <Icon name={`state-${kind}`} />
      <bdi>{state}</bdi>
    </span>
  )
}

/** True for a state that does not change any more. */
export function isEnded(state: string): boolean {
  return state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED' || state === 'REJECTED'
}
