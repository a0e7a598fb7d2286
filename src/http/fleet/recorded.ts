import type { Context } from 'hono'
import type { RecordedJobDocument } from '../../protocol/recordedDocument.ts'
import type { RecordedJob, Recording } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import { ArgumentError } from '../../std/errors.ts'
import { identityOf } from '../access/identity.ts'
import { hasRole } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { type Reader, requireMoment, requireSearch, requireWord, wrongParameter } from '../input/query.ts'
import { jobPath } from '../output/job.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

const MAX_VALUES = 50

/** Whose jobs, and of which tasks, the sender may see. */
export interface Seen {
  readonly owner: string | undefined
  readonly tasks: readonly string[] | undefined
}

/**
 * The jobs that the sender may see of those asked for: a viewer all, others their own jobs of exposed tasks. A problem
 * for another owner, and for a task that is not exposed.
 */
export function seenOf(
  c: Context,
  { exposed }: HttpScope,
  { owner, tasks }: { readonly owner?: string | undefined; readonly tasks?: readonly string[] | undefined },
): Seen | Problem {
  if (hasRole(c, 'viewer')) return { owner, tasks }
  const own = identityOf(c)?.id
  if (owner !== undefined && owner !== own) return { kind: 'forbidden', detail: 'jobs of others need the scope viewer' }
  const hidden = tasks?.find((task) => !exposed.has(task))
  if (hidden !== undefined) return wrongParameter('task', `no task ${JSON.stringify(hidden)} is exposed here`)
  return { owner: own, tasks: tasks ?? [...exposed] }
}

export function isProblem(value: object): value is Problem {
  return 'kind' in value
}

/** Answer from what is recorded; a problem where nothing is, or where the recorder refuses what was asked. */
export async function answerRecorded(
  c: Context,
  { recording }: HttpScope,
  answer: (recording: Recording) => Promise<Response | Problem>,
): Promise<Response> {
  const { path } = c.req
  const known = await recording?.()
  if (!known) return respondProblem({ kind: 'cannot-list', detail: 'this app has no recorder' }, path)
  try {
    const answered = await answer(known)
    return answered instanceof Response ? answered : respondProblem(answered, path)
  } catch (error) {
    if (error instanceof ArgumentError) return respondProblem(wrongParameter('cursor', error.message), path)
    throw error
  }
}

/** Words with commas between them, at most 50. */
export const requireWords: Reader<readonly string[]> = (text) => {
  const words = text.split(',').map(requireWord)
  if (words.length > MAX_VALUES) throw new RangeError(`expected at most ${MAX_VALUES} values`)
  return words
}

/** What a list of recorded jobs is filtered by, as it is in a query. */
export interface RecordedQuery {
  /** Of requests that change jobs. */
  readonly id?: readonly string[]
  readonly state?: readonly string[]
  readonly task?: readonly string[]
  readonly queue?: readonly string[]
  readonly worker?: readonly string[]
  readonly owner?: string
  readonly tag?: string
  readonly root?: string
  readonly fingerprint?: string
  readonly since?: number
  readonly until?: number
  readonly q?: string
}

/** How each of these is read. */
export const RECORDED_READERS: {
  readonly [Name in Exclude<keyof RecordedQuery, 'id'>]-?: Reader<Required<RecordedQuery>[Name]>
} = {
  state: requireWords,
  task: requireWords,
  queue: requireWords,
  worker: requireWords,
  owner: requireWord,
  tag: requireWord,
  root: requireWord,
  fingerprint: requireWord,
  since: requireMoment,
  until: requireMoment,
  q: requireSearch,
}

/** `base`: prefix of the API in the client's eyes. */
export function recordedDocument(job: RecordedJob, base: string): RecordedJobDocument {
  const { task, sentAt, receivedAt, startedAt, endedAt, firstAt, changedAt, rootId, parentId, ...rest } = job
  const moments = Object.entries({ sentAt, receivedAt, startedAt, endedAt, firstAt, changedAt })
  const known = moments.flatMap(([name, at]) => (at === undefined ? [] : [[name, isoOf(at)] as const]))
  const self = jobPath(base, job.id)
  return {
    ...rest,
    task: task ?? null,
    root: rootId,
    parent: parentId,
    ...Object.fromEntries(known),
    links: { self, history: `${self}/history` },
  } as RecordedJobDocument
}
