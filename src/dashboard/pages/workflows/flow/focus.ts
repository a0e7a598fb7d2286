import { type Signal, signal } from '@preact/signals'

/** What the user looks at, in the graph and in the waterfall at once. */
export interface Focus {
  /** Id of the job under the pointer, or with the focus. */
  readonly lit: Signal<string | undefined>
  /** Id of the job that is open beside. */
  readonly open: Signal<string | undefined>
}

export function newFocus(): Focus {
  return { lit: signal(undefined), open: signal(undefined) }
}
