import type { AnyTask } from '../../calls/task.ts'
import { EncodeError, ValidationError, type ValidationIssue } from '../../std/errors.ts'
import type { Given, Kwargs } from '../../tasks/bind.ts'
import { type InputError, type Problem, pointerTo } from '../output/problem.ts'
import type { Body } from './body.ts'
import type { Part } from './multipart.ts'

/** What a task is called with: one object, or a list of arguments. */
export type Input = readonly unknown[] | Record<string, unknown>

export type ReadInput = { readonly input: Input; readonly error?: InputError }

/** The same as it crosses the wire. */
export function givenOf(input: Input): Given {
  return Array.isArray(input) ? { args: input, kwargs: {} } : { args: [], kwargs: input as Kwargs }
}

/**
 * A body as the task takes it. JSON: an object, or a list of arguments; either where the names of its parameters are
 * known, or its code lives elsewhere. Bytes: the one argument, or `body` of the input. A form: its parts in their
 * order, or by their names.
 */
export function inputOf(task: AnyTask | undefined, body: Exclude<Body, { kind: 'refused' }>): ReadInput {
  const asObject = task?.definition.style === 'object'
  switch (body.kind) {
    case 'none':
      return { input: asObject ? {} : [] }
    case 'value':
      return inputOfValue(task, body.value)
    case 'raw':
      return { input: asObject ? { body: new Uint8Array(body.bytes) } : [new Uint8Array(body.bytes)] }
    case 'form':
      return { input: asObject ? byName(body.parts) : body.parts.map(({ value }) => value) }
  }
}

/** A JSON value as the task takes it. */
export function inputOfValue(task: AnyTask | undefined, value: unknown): ReadInput {
  const style = task?.definition.style
  const isList = Array.isArray(value)
  const isObject = !isList && typeof value === 'object' && value !== null
  if (isList ? style !== 'object' : isObject && style !== 'positional') return { input: value as Input }
  const named = !task || task.definition.parameters !== undefined
  if (named && (isList || isObject)) return { input: value as Input }
  const expected = named
    ? 'an object or an array of arguments'
    : style === 'object'
      ? 'an object'
      : 'an array of arguments'
  const got = isList ? 'an array' : value === null ? 'null' : typeof value
  return { input: [], error: { pointer: '#', code: 'type', detail: `expected ${expected}, got ${got}` } }
}

/** A name that comes more than once has a list. */
function byName(parts: readonly Part[]): Record<string, unknown> {
  const groups = new Map<string, unknown[]>()
  for (const { name, value } of parts) groups.set(name, [...(groups.get(name) ?? []), value])
  return Object.fromEntries([...groups].map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}

/** The problem of an input that does not fit. */
export function invalidInput(errors: readonly InputError[]): Problem {
  const detail = errors
    .map((error) => (error.pointer === '#' ? error.detail : `${error.pointer}: ${error.detail}`))
    .join('; ')
  return { kind: 'invalid-input', detail, members: { errors } }
}

/** What is wrong with the input of a task, where that is what the error says. */
export function inputErrors(error: unknown, input: Input, task?: AnyTask): InputError[] | undefined {
  if (error instanceof ValidationError)
    return error.issues.map((issue) => inputError(placed(issue, input, task), input))
  if (error instanceof EncodeError) return [{ pointer: '#', code: 'unsendable', detail: error.message }]
  return undefined
}

/** Issues name parameters; in a list of arguments each has its index. */
function placed(issue: ValidationIssue, input: Input, task: AnyTask | undefined): ValidationIssue {
  const [name, ...path] = issue.path
  if (!Array.isArray(input) || typeof name !== 'string') return issue
  const index = task?.definition.parameters?.list.findIndex((parameter) => parameter.name === name) ?? -1
  return index === -1 ? issue : { ...issue, path: [index, ...path] }
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
