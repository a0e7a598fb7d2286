import type { JSX } from 'preact'
import { Icon } from './icon.tsx'
import { kindOf } from './stateKinds.ts'

export { isEnded, kindOf } from './stateKinds.ts'

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
