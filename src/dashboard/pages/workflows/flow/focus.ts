import { type Signal, signal, useValue } from '../../../api/signal.ts'

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

/** The user looks at this job. */
export function useIsLit({ lit, open }: Focus, job: string): boolean {
  const isJob = (id: string | undefined): boolean => id === job
  const isPointed = useValue(lit, isJob)
  return useValue(open, isJob) || isPointed
}
