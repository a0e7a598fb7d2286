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

/** What is wrong with the value at a pointer, or inside it. `path`: from the value on, as `/tags/0`. */
export function problemsIn(
  error: Error | undefined,
  pointer: string,
): readonly (FieldProblem & { readonly path: string })[] {
  return fieldProblems(error)
    .filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))
    .map((one) => ({ ...one, path: one.pointer.slice(pointer.length) }))
}

/** The same in one text. */
export function problemAt(error: Error | undefined, pointer: string): string | undefined {
  const found = problemsIn(error, pointer).map(({ path, detail }) =>
    path === '' ? detail : `${path.slice(1)}: ${detail}`,
  )
  return found.length === 0 ? undefined : found.join('; ')
}
