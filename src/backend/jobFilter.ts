import type { ListFilter } from './jobIndex.ts'

/** Of a record, what a list is filtered by in every store. */
export interface Fitting {
  readonly state: string
  readonly task: string | undefined
}

/** True for a record in the state and of a task that `list` is asked for. */
export function fits({ state, task }: Fitting, wanted: Pick<ListFilter, 'state' | 'task' | 'tasks'>): boolean {
  if (wanted.state !== undefined && state !== wanted.state) return false
  if (wanted.task !== undefined && task !== wanted.task) return false
  return !wanted.tasks || (task !== undefined && wanted.tasks.includes(task))
}
