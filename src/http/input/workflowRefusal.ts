import { type InputError, type Problem, pointerTo } from '../output/problem.ts'

/** A place in the document of a workflow. */
export interface DocumentPlace {
  /** For people, as `chain[1].options`. */
  readonly path: string
  /** For programs, as `['kwargs', 'tasks', 1, 'options']`. */
  readonly pointer: readonly (string | number)[]
}

/** A place within another. `path`: how it is appended for people; default: `.` and the last step. */
export function placeIn(
  { path, pointer }: DocumentPlace,
  steps: readonly (string | number)[],
  more: string = `.${steps.at(-1)}`,
): DocumentPlace {
  return { path: path + more, pointer: [...pointer, ...steps] }
}

/** Why a document is refused: thrown by its readers, and answered by the route. */
export class WorkflowRefusal extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** The refusal of what is at this place. */
export function refusal(
  { path, pointer }: DocumentPlace,
  detail: string,
  code: InputError['code'] = 'invalid',
): WorkflowRefusal {
  const errors: readonly InputError[] = [{ pointer: pointerTo(pointer), code, detail }]
  return new WorkflowRefusal({ kind: 'invalid-workflow', detail: `${path}: ${detail}`, members: { errors } })
}
