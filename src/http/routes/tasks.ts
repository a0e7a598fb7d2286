import type { Context, Hono } from 'hono'
import type { AsyncResult } from '../../app/result.ts'
import type { AnyTask } from '../../app/task.ts'
import { PENDING } from '../../protocol/states.ts'
import { EncodeError, ValidationError, type ValidationIssue } from '../../std/errors.ts'
import { type Body, readBody } from '../body.ts'
import { jobPath } from '../job.ts'
import { methodNotAllowed } from '../method.ts'
import { type InputError, pointerTo, respondProblem } from '../problem.ts'
import { baseOf, type HttpScope } from '../scope.ts'

/** HTTP's jobs always keep a record: its client has nothing else to ask for. */
const CALL = { ignoreResult: false }

/** `POST /tasks/{name}`: hand in a job. */
export function addTaskRoutes(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/tasks/:name`
  api.post(path, (c) => submit(c, scope))
  api.all(path, methodNotAllowed('POST'))
}

async function submit(c: Context, scope: HttpScope): Promise<Response> {
  const name = c.req.param('name') as string
  const { path } = c.req
  if (!scope.exposed.has(name))
    return respondProblem({ kind: 'unknown-task', detail: `no task ${JSON.stringify(name)} is exposed here` }, path)
  const body = await readBody(c.req.raw, scope.maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const task = scope.app.tasks.get(name)
  const given = inputOf(task, body)
  if (given.error) return respondInvalid([given.error], path)
  const createdAt = new Date()
  try {
    const { id } = await send(scope, name, task, given.input)
    return respondAccepted(id, name, createdAt, baseOf(path, 2))
  } catch (error) {
    const errors = inputErrors(error, given.input)
    if (errors) return respondInvalid(errors, path)
    throw error
  }
}

type Input = readonly unknown[] | Record<string, unknown>

/** The body as the task takes it: one object, or a list of arguments; either where the task's code lives elsewhere. */
function inputOf(task: AnyTask | undefined, body: Body): { input: Input; error?: InputError } {
  const style = task?.definition.style
  if (body.kind !== 'value') return { input: style === 'object' ? {} : [] }
  const { value } = body
  if (
    Array.isArray(value) ? style !== 'object' : typeof value === 'object' && value !== null && style !== 'positional'
  ) {
    return { input: value as Input }
  }
  const expected =
    style === 'object' ? 'an object' : style ? 'an array of arguments' : 'an object or an array of arguments'
  const got = Array.isArray(value) ? 'an array' : value === null ? 'null' : typeof value
  return { input: [], error: { pointer: '#', code: 'type', detail: `expected ${expected}, got ${got}` } }
}

function send({ app }: HttpScope, name: string, task: AnyTask | undefined, input: Input): Promise<AsyncResult> {
  return task ? task.applyAsync(input, CALL) : app.send(name, input, CALL)
}

/** The job document of a call that was just handed in, made from what is known: no read of the store. */
function respondAccepted(id: string, task: string, createdAt: Date, base: string): Response {
  const self = jobPath(base, id)
  const document = {
    id,
    task,
    state: PENDING,
    progress: null,
    attempt: 1,
    createdAt,
    startedAt: null,
    finishedAt: null,
    links: { self, result: `${self}/result` },
  }
  return new Response(JSON.stringify(document), {
    status: 202,
    headers: { 'content-type': 'application/json', location: self, 'retry-after': '1' },
  })
}

function respondInvalid(errors: readonly InputError[], path: string): Response {
  const detail = errors
    .map((error) => (error.pointer === '#' ? error.detail : `${error.pointer}: ${error.detail}`))
    .join('; ')
  return respondProblem({ kind: 'invalid-input', detail, members: { errors } }, path)
}

/** What is wrong with the input, where that is what the error says. */
function inputErrors(error: unknown, input: Input): InputError[] | undefined {
  if (error instanceof ValidationError) return error.issues.map((issue) => inputError(issue, input))
  if (error instanceof EncodeError) return [{ pointer: '#', code: 'unsendable', detail: error.message }]
  return undefined
}

function inputError({ path, message }: ValidationIssue, input: Input): InputError {
  return { pointer: pointerTo(path), code: isThere(path, input) ? 'invalid' : 'required', detail: message }
}

function isThere(path: readonly (string | number)[], input: unknown): boolean {
  let value = input
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false
    value = (value as Record<string | number, unknown>)[step]
  }
  return true
}
