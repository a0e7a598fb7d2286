import { ProblemError } from '../../client/problem.ts'

/** What the server says of a problem; of other errors their message. */
export function problemText(error: Error): { title: string; detail?: string } {
  if (error instanceof ProblemError) {
    const { title, detail } = error.problem
    return { title, ...(detail !== undefined && { detail }) }
  }
  return { title: error.message }
}

/** The same in one line. */
export function problemLine(error: unknown): string {
  const { title, detail } = problemText(error as Error)
  return detail === undefined ? title : `${title}: ${detail}`
}
