import { callFact } from '../protocol/callHeaders.ts'
import type { Job } from '../protocol/job.ts'
import { CallError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { shown } from '../std/validate.ts'
import { bindCall, type Given } from './bind.ts'
import type { TaskDefinition } from './definition.ts'

/*
 * The version of a task's input. A message has the version of the code that sent it, in a header of ours; an older one
 * is upgraded before its input is checked.
 */

/** The version of the input in a message with these headers: 1 where they do not say, as those from Python. */
export function versionOf(headers: Job['headers']): number {
  return Math.max(1, callFact(headers, 'version') ?? 1)
}

/** The version for a header; undefined for the first one, which has none. */
export function sentVersion({ version }: Pick<TaskDefinition['options'], 'version'>): number | undefined {
  return version === 1 ? undefined : version
}

/** The task has to upgrade the input of this job. */
export function isOutdated({ headers }: Job, { upgrade, version }: TaskDefinition['options']): boolean {
  return upgrade !== undefined && versionOf(headers) < version
}

/**
 * What the job is called with, upgraded: of a task with an input its object, of another its list of arguments. Throws
 * what the task's `upgrade` throws, and CallError where that returns something else.
 */
export async function upgraded(job: Job, definition: TaskDefinition): Promise<Given> {
  const { name, options, style } = definition
  const { args, kwargs } = job
  const from = versionOf(job.headers)
  const isObject = style === 'object'
  const input = isObject ? bindCall(definition, job)[0] : args
  const result: unknown = await options.upgrade?.(input, from)
  if (isObject && isRecord(result)) return { args: [], kwargs: result }
  if (!isObject && Array.isArray(result)) return { args: result, kwargs }
  const expected = isObject ? 'an input object' : 'a list of arguments'
  throw new CallError(`task ${name}: upgrade from version ${from}: expected ${expected}, got ${shown(result)}`)
}
