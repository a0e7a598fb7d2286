import type { Snapshot } from './snapshot.ts'

/** A row that can be selected: a worker by its name, a running or failed task by its id. */
export interface Selected {
  readonly kind: 'worker' | 'task' | 'failure'
  readonly id: string
}

/** What the user of the screen has chosen. */
export interface View {
  readonly selected: Selected | undefined
  /** The keys are shown in place of the fleet. */
  readonly help: boolean
  /** The last line: a question, or what became of the last key. */
  readonly message: string | undefined
}

export const FIRST_VIEW: View = { selected: undefined, help: false, message: undefined }

/** The rows that can be selected, from top to bottom. */
function rowsOf({ workers, running, failures }: Snapshot): Selected[] {
  const tasks = running.map(({ id }) => ({ kind: 'task', id }) as const)
  const failed = failures.map(({ id }) => ({ kind: 'failure', id }) as const)
  return [...workers.map(({ name }) => ({ kind: 'worker', id: name }) as const), ...tasks, ...failed]
}

/** So many rows down, or up; the first selects the first row. What is not there any more counts as the first. */
export function moved(view: View, snapshot: Snapshot, by: number): View {
  const rows = rowsOf(snapshot)
  const { selected } = view
  const at = selected ? rows.findIndex(({ kind, id }) => kind === selected.kind && id === selected.id) : -1
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))
  return { ...view, selected: rows[next], message: undefined }
}
