/**
 * A kind of workflow: `group`: members that are sent together, and whose results are collected by the caller; `chord`:
 * the same with a body that adds up their results; `body`: a chord, whose end is the moment at which its body starts;
 * `chain`: steps of which each adds 1 to the result before it; `tasks`: calls that have nothing to do with each other,
 * whose end is the moment at which the last result is stored.
 */
export type WorkflowKind = 'group' | 'chord' | 'body' | 'chain' | 'tasks'

/** How many tasks a workflow of so many members or steps is: the body of a chord is the last one. */
export function tasksOf(kind: WorkflowKind, size: number): number {
  return kind === 'chord' || kind === 'body' ? size + 1 : size
}

/** What its results come to, in sum: those of members are their own numbers, from `first` on. */
export function sumOf(kind: WorkflowKind, size: number, first: number): number {
  return kind === 'chain' ? size : size * first + (size * (size - 1)) / 2
}
