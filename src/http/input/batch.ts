import type { Context } from 'hono'
import type { AnyTask } from '../../calls/task.ts'
import { assertEncodable } from '../../protocol/encoding.ts'
import { bindCall, checkArguments } from '../../tasks/bind.ts'
import type { HttpScope } from '../apiContext.ts'
import type { InputError, Problem } from '../output/problem.ts'
import { givenOf, type Input, inputErrors, inputOfValue } from './input.ts'
import { tagProblem, taskProblem } from './submit.ts'

/** One job of a batch, checked. */
export interface Member {
  readonly name: string
  readonly task: AnyTask | undefined
  readonly input: Input
  readonly tags: readonly string[] | undefined
}

/** Most jobs of one batch, and most faults that are reported. */
const MAX_JOBS = 1000
const MAX_ERRORS = 50
const JOB_MEMBERS = new Set(['task', 'input', 'tags'])

/**
 * Read `{"jobs": [{"task", "input"?, "tags"?}, …]}`. Each is checked as its own request would be, and all before any is
 * sent: one that is wrong refuses the batch, with a pointer to whatever is.
 */
export async function readBatch(c: Context, scope: HttpScope, value: unknown): Promise<readonly Member[] | Problem> {
  const jobs = (value as { jobs?: unknown } | null)?.jobs
  if (!Array.isArray(jobs) || jobs.length === 0 || jobs.length > MAX_JOBS)
    return invalid([{ pointer: '#/jobs', code: 'type', detail: `expected an array of 1 to ${MAX_JOBS} jobs` }])
  const members: Member[] = []
  const errors: InputError[] = []
  for (const [index, job] of jobs.entries()) {
    const read = await readMember(c, scope, job)
    if ('member' in read) members.push(read.member)
    else if ('kind' in read) return { ...read, detail: `jobs[${index}]: ${read.detail}` }
    else errors.push(...read.errors.map((error) => ({ ...error, pointer: `#/jobs/${index}${error.pointer.slice(1)}` })))
    if (errors.length >= MAX_ERRORS) break
  }
  return errors.length > 0 ? invalid(errors) : members
}

type Read = { readonly member: Member } | { readonly errors: readonly InputError[] } | Problem

async function readMember(c: Context, scope: HttpScope, job: unknown): Promise<Read> {
  if (typeof job !== 'object' || job === null || Array.isArray(job))
    return fault('#', 'type', 'expected an object { task, input?, tags? }')
  const { task: name, input: given, tags } = job as Record<string, unknown>
  const unknown = Object.keys(job).find((key) => !JOB_MEMBERS.has(key))
  if (unknown !== undefined) return fault('#', 'invalid', `unknown member ${JSON.stringify(unknown)}`)
  if (typeof name !== 'string') return fault('#/task', name === undefined ? 'required' : 'type', 'expected a name')
  const barred = taskProblem(c, scope, name)
  if (barred) return barred.kind === 'unknown-task' ? fault('#/task', 'invalid', barred.detail) : barred
  if (tags !== undefined && !isTags(tags)) return fault('#/tags', 'invalid', 'expected at most 20 tags')
  const task = scope.app.tasks.get(name)
  const read =
    given === undefined ? { input: task?.definition.style === 'object' ? {} : [] } : inputOfValue(task, given)
  const errors = read.error ? [read.error] : await wrongInput(scope, task, read.input)
  if (errors.length > 0)
    return { errors: errors.map((error) => ({ ...error, pointer: `#/input${error.pointer.slice(1)}` })) }
  return { member: { name, task, input: read.input, tags } }
}

/** What sending it would refuse. */
async function wrongInput({ app }: HttpScope, task: AnyTask | undefined, input: Input): Promise<InputError[]> {
  try {
    if (task) await checkArguments(task.definition, bindCall(task.definition, givenOf(input)))
    assertEncodable(input, 'input', task?.definition.options.serializer ?? app.config.serializer)
    return []
  } catch (error) {
    const errors = inputErrors(error, input, task)
    if (errors) return errors
    throw error
  }
}

function isTags(tags: unknown): tags is readonly string[] {
  if (!Array.isArray(tags) || tags.length > 20) return false
  return tags.every((tag) => typeof tag === 'string' && tagProblem(tag) === undefined)
}

function fault(pointer: string, code: InputError['code'], detail: string): { errors: readonly InputError[] } {
  return { errors: [{ pointer, code, detail }] }
}

function invalid(errors: readonly InputError[]): Problem {
  const detail = errors.map((error) => `${error.pointer}: ${error.detail}`).join('; ')
  return { kind: 'invalid-input', detail, members: { errors } }
}
