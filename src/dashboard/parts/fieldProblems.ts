import { ProblemError } from '../../client/problem.ts'

/** What is wrong with one value of a document that the server has refused. */
export interface FieldProblem {
  /** JSON pointer with `#`, as `#/schedule/tz`. */
  readonly pointer: string
  readonly detail: string
}

/** All that the server says of single values; empty for other errors. */
export function fieldProblems(error: Error | undefined): readonly FieldProblem[] {
  const errors = error instanceof ProblemError ? error.problem.errors : undefined
  if (!Array.isArray(errors)) return []
  return errors.filter((one) => typeof one?.pointer === 'string' && typeof one.detail === 'string')
}

/** What is wrong with the value at a pointer, or inside it, in one text. */
export function problemAt(error: Error | undefined, pointer: string): string | undefined {
  const found = fieldProblems(error).filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))
  if (found.length === 0) return undefined
  return found
    .map((one) => (one.pointer === pointer ? one.detail : `${one.pointer.slice(pointer.length + 1)}: ${one.detail}`))
    .join('; ')
}
