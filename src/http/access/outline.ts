import type { Context } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { Emission, LogLine } from '../../protocol/emission.ts'
import { HIDDEN } from '../../protocol/repr.ts'
import type { HttpScope } from '../apiContext.ts'
import { identityOf } from './identity.ts'
import { hasRole } from './roles.ts'

/*
 * The outline of a job: all of it but what a codec covers. A viewer sees no more of the jobs of others where the app has
 * a codec; operators, admins and owners see them as they are.
 */

/** Those of these jobs of which the sender sees an outline alone, if it sees them. */
export async function outlined(c: Context, scope: HttpScope, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (!onlyOutlines(c, scope)) return NONE
  const me = identityOf(c)?.id
  const owners = await scope.jobs.owners(ids)
  return new Set(ids.filter((id) => owners.get(id) !== me))
}

/** The same of one job. */
export async function isOutlined(c: Context, scope: HttpScope, id: string): Promise<boolean> {
  return onlyOutlines(c, scope) && (await outlined(c, scope, [id])).has(id)
}

/** The sender sees outlines alone of the jobs of others. */
export function onlyOutlines(c: Context, { app }: HttpScope): boolean {
  return app.config.codec !== undefined && !hasRole(c, 'operator') && hasRole(c, 'viewer')
}

const NONE: ReadonlySet<string> = new Set()

/** What is in the place of what is not shown is `…`. */
export function outlineOf(info: JobInfo): JobInfo {
  const { progress, result, error } = info
  return {
    ...info,
    progress: progress === undefined ? undefined : HIDDEN,
    result: result === undefined ? undefined : HIDDEN,
    error: error && { type: error.type, message: HIDDEN, traceback: undefined },
  }
}

/** The same of what a task emits. */
export function outlineOfEmission(emission: Emission): Emission {
  if (emission.kind === 'chunk') return { ...emission, value: HIDDEN }
  const { level, time } = emission.value as LogLine
  return { ...emission, value: { level, time, message: HIDDEN, fields: {} } satisfies LogLine }
}
