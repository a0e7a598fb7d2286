import type { Context } from 'hono'
import type { JobInfo } from '../app/info.ts'
import type { Problem } from './problem.ts'
import type { HttpScope } from './scope.ts'

/** Ids as the app takes them; others were never submitted. */
const ID = /^\P{Cc}{1,255}$/u

/** The job, unless there is none or its task is not exposed: the outside cannot tell these apart. */
export async function findJob({ app, exposed }: HttpScope, id: string): Promise<JobInfo | undefined> {
  const info = ID.test(id) ? await app.result(id).info() : undefined
  return info?.task !== undefined && exposed.has(info.task) ? info : undefined
}

/** The answer where `findJob` finds none. */
export function unknownJob(c: Context): Problem {
  return {
    kind: 'unknown-job',
    detail: `no job ${JSON.stringify(c.req.param('id'))} was submitted here, or its record has expired`,
  }
}
