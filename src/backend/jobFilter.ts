import type { ListFilter } from './jobIndex.ts'

/** The fields of a record by which every store filters a list. */
export interface Fitting {
  readonly state: string
  readonly task: string | undefined
}

/** True for a record of the wanted state and task. */
export function fits({ state, task }: Fitting, wanted: Pick<ListFilter, 'state' | 'task' | 'tasks'>): boolean {
  if (wanted.state !== undefined && state !== wanted.state) return false
  if (wanted.task !== undefined && task !== wanted.task) return false
  return !wanted.tasks || (task !== undefined && wanted.tasks.includes(task))
}
