import {
  type Concealed,
  concealedCall,
  HIDDEN,
  reprArgs,
  reprKwargs,
  sensitiveTexts,
  withoutTexts,
} from '../protocol/repr.ts'
import { ValidationError, type ValidationIssue } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { issuesOf, validate, validationError } from '../std/schema.ts'
import { shown } from '../std/validate.ts'
import type { BatchSeat } from './batch/batchItem.ts'
import type { TaskContext } from './current.ts'
import type { TaskDefinition } from './definition.ts'
import type { Parameter, Parameters } from './parameters.ts'

/*
 * Celery's args and kwargs as the arguments of a function, with the rules and words of Python. Every fault is a
 * ValidationError whose issues have the parameter's name as their path.
 */

export type Kwargs = Readonly<Record<string, unknown>>

/** What a task is called with, as it crosses the wire. */
export interface Given {
  readonly args: readonly unknown[]
  readonly kwargs: Kwargs
}

/** What is not shown of a task: everything where its app seals payloads. */
export function concealedOf(
  { codec }: { readonly codec: unknown },
  definition: TaskDefinition | undefined,
): Concealed | undefined {
  return codec === undefined ? definition?.options.sensitive : 'all'
}

/** Arguments as they are shown; the same where nothing is concealed. */
export function shownCall(given: Given, what: Concealed | undefined, definition: TaskDefinition | undefined): Shown {
  if (what === undefined) return given
  return what === 'all' ? { args: HIDDEN, kwargs: HIDDEN } : concealedCall(given, what, namesOf(definition))
}

/** Arguments, or what stands for them. */
interface Shown {
  readonly args: unknown
  readonly kwargs: unknown
}

/** The texts of arguments in a message where something is concealed: else they are made of the arguments. */
export function shownReprs(
  given: Given,
  what: Concealed | undefined,
  definition: TaskDefinition | undefined,
): { readonly argsrepr?: string; readonly kwargsrepr?: string } {
  if (what === undefined) return {}
  if (what === 'all') return { argsrepr: HIDDEN, kwargsrepr: HIDDEN }
  const { args, kwargs } = concealedCall(given, what, namesOf(definition))
  return { argsrepr: reprArgs(args), kwargsrepr: reprKwargs(kwargs) }
}

/** What an error of this call may quote and must not show. */
export function sensitiveIn(given: Given, definition: TaskDefinition): readonly string[] {
  const { sensitive } = definition.options
  return sensitive ? sensitiveTexts(given, sensitive, namesOf(definition)) : []
}

export function namesOf(definition: TaskDefinition | undefined): readonly string[] {
  return definition?.parameters?.list.map(({ name }) => name) ?? []
}

/**
 * The arguments of the function: for an object task its one input. Not checked by schemas yet. Throws ValidationError.
 */
export function bindCall(definition: TaskDefinition, { args, kwargs }: Given): readonly unknown[] {
  if (definition.style === 'object') return [bindInput(definition, args, kwargs)]
  if (isEmpty(kwargs)) return definition.params ? bindDeclared(definition, definition.params, args) : args
  const { parameters, name } = definition
  if (!parameters) {
    const names = Object.keys(kwargs)
    const why = 'the names of its parameters are not known (declare them: the option params)'
    throw refusal(name, `takes positional arguments, got keyword arguments ${names.join(', ')}; ${why}`, names)
  }
  const bound = bindNames(name, parameters, args, kwargs)
  return parameters.declared ? bindDeclared(definition, parameters, bound) : bound
}

/** One object of arguments, or positional ones put at their names. */
function bindInput(definition: TaskDefinition, args: readonly unknown[], kwargs: Kwargs): unknown {
  if (args.length === 0) return kwargs
  const { name } = definition
  if (args.length === 1 && isEmpty(kwargs) && isInput(definition, args[0])) return args[0]
  const { parameters } = definition
  if (!parameters) {
    const got = `${args.length} positional and ${Object.keys(kwargs).length} keyword arguments`
    const why = 'the order of its properties is not known (declare it: the option params)'
    throw refusal(name, `takes keyword arguments or one object, got ${got}; ${why}`)
  }
  refuseTooMany(name, parameters, args.length)
  refuseTwice(name, parameters, args, kwargs)
  return { ...Object.fromEntries(args.map((value, index) => [parameters.list[index]?.name, value])), ...kwargs }
}

/**
 * Whether a single positional argument is the input itself. An object is, unless its task declares parameters and it
 * has none of their names: then it is the first of them. Anything else is where no parameters are known, for schemas of
 * other things than objects.
 */
function isInput(definition: TaskDefinition, value: unknown): boolean {
  const { params } = definition
  if (!isRecord(value)) return definition.parameters === undefined
  const keys = Object.keys(value)
  return !params || keys.length === 0 || params.list.some(({ name }) => Object.hasOwn(value, name))
}

/** Keyword arguments at the places of their names; what is left out between them is undefined. */
function bindNames(task: string, parameters: Parameters, args: readonly unknown[], kwargs: Kwargs): unknown[] {
  const { list } = parameters
  refuseTwice(task, parameters, args, kwargs)
  const places = Object.keys(kwargs).map((name) => {
    const place = list.findIndex((parameter) => parameter.name === name)
    if (place === -1) throw refusal(task, `got an unexpected keyword argument '${name}'; ${knownNames(list)}`, [name])
    return place
  })
  const length = Math.max(args.length, ...places.map((place) => place + 1))
  return Array.from({ length }, (_, index) => {
    if (index < args.length) return args[index]
    const { name } = list[index] as Parameter
    return Object.hasOwn(kwargs, name) ? kwargs[name] : undefined
  })
}

/** The list as its task declares it: nothing is missing, nothing too much. */
function bindDeclared({ name }: TaskDefinition, parameters: Parameters, args: readonly unknown[]): readonly unknown[] {
  refuseTooMany(name, parameters, args.length)
  const missing = parameters.list.filter(({ required }, index) => required && args[index] === undefined)
  if (missing.length === 0) return args
  const names = missing.map((parameter) => parameter.name)
  const text = `missing ${missing.length} required argument${missing.length === 1 ? '' : 's'}: ${quoted(names)}`
  throw refusal(name, text, names)
}

function refuseTooMany(task: string, { list, rest }: Parameters, count: number): void {
  if (rest || count <= list.length) return
  const takes = `${list.length} positional argument${list.length === 1 ? '' : 's'}`
  throw refusal(task, `takes ${takes} but ${count} ${count === 1 ? 'was' : 'were'} given; ${knownNames(list)}`)
}

function refuseTwice(task: string, { list }: Parameters, args: readonly unknown[], kwargs: Kwargs): void {
  const twice = list.slice(0, args.length).find(({ name }) => Object.hasOwn(kwargs, name))
  if (twice) throw refusal(task, `got multiple values for argument '${twice.name}'`, [twice.name])
}

function knownNames(list: readonly Parameter[]): string {
  return list.length === 0 ? 'it has no parameters' : `its parameters are ${list.map(({ name }) => name).join(', ')}`
}

/** `'a'`, `'a' and 'b'`, `'a', 'b' and 'c'` */
function quoted(names: readonly string[]): string {
  const all = names.map((name) => `'${name}'`)
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`
}

/** One issue for each parameter that it is about; one of the whole call where it is about none. */
function refusal(task: string, message: string, names: readonly string[] = []): ValidationError {
  const paths: readonly (readonly string[])[] = names.length === 0 ? [[]] : names.map((name) => [name])
  return new ValidationError(
    `task ${task}: ${message}`,
    paths.map((path) => ({ path, message })),
  )
}

/**
 * Bound arguments checked by the schemas of their task: what these make of them. A promise only where a schema is
 * asynchronous. Throws ValidationError with every issue, which quotes nothing that is sensitive.
 */
export function checkArguments(
  definition: TaskDefinition,
  bound: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  if (!definition.options.sensitive) return checked(definition, bound)
  const clean = (error: unknown): never => {
    throw error instanceof ValidationError ? unquoted(error, definition, bound) : error
  }
  try {
    const result = checked(definition, bound)
    return result instanceof Promise ? result.catch(clean) : result
  } catch (error) {
    return clean(error)
  }
}

function unquoted(error: ValidationError, definition: TaskDefinition, bound: readonly unknown[]): ValidationError {
  const [input] = bound
  const given =
    definition.style === 'object' ? { args: [], kwargs: isRecord(input) ? input : {} } : { args: bound, kwargs: {} }
  const texts = sensitiveIn(given, definition)
  const issues = error.issues.map((issue) => ({ ...issue, message: withoutTexts(issue.message, texts) }))
  return new ValidationError(withoutTexts(error.message, texts), issues)
}

function checked(
  definition: TaskDefinition,
  bound: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  const { input, params, name } = definition
  if (input) {
    const value = validate(input, bound[0], `task ${name}`)
    return value instanceof Promise ? value.then((one) => [one]) : [value]
  }
  return params?.list.some(({ schema }) => schema) ? checkEach(name, params.list, bound) : bound
}

function checkEach(
  task: string,
  list: readonly Parameter[],
  bound: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  const results = list.map(({ schema }, index) => schema?.['~standard'].validate(bound[index]))
  const settle = (settled: readonly Awaited<(typeof results)[number]>[]): readonly unknown[] => {
    const issues: ValidationIssue[] = settled.flatMap((result, index) =>
      issuesOf(result?.issues ?? []).map(({ path, message }) => ({
        path: [list[index]?.name as string, ...path],
        message,
      })),
    )
    if (issues.length > 0) throw validationError(`task ${task}`, issues)
    return settled.map((result, index) => (result && !result.issues ? result.value : bound[index]))
  }
  return results.some((result) => result instanceof Promise)
    ? Promise.all(results).then(settle)
    : settle(results as never)
}

/**
 * Bound arguments as they are sent: a list where it has no gaps, else what follows the first gap by name. What crosses
 * the wire is what the caller wrote.
 */
export function wireForm(definition: TaskDefinition, bound: readonly unknown[]): Given {
  if (definition.style === 'object') return { args: [], kwargs: requireInput(definition.name, bound[0]) }
  const gap = bound.indexOf(undefined)
  const list = gap === -1 ? [] : (definition.parameters?.list ?? [])
  if (bound.length > list.length) return { args: bound, kwargs: {} }
  const named = bound.flatMap((value, index) =>
    index > gap && value !== undefined ? [[list[index]?.name as string, value] as const] : [],
  )
  return { args: bound.slice(0, gap), kwargs: Object.fromEntries(named) }
}

function requireInput(task: string, value: unknown): Kwargs {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Kwargs
  const message = `expected one object of arguments, got ${shown(value)}`
  throw new ValidationError(`task ${task}: ${message}`, [{ path: [], message }])
}

/** Keyword arguments from two places. Throws ValidationError for one that is in both. `where` names the call. */
export function joinKwargs(where: string, first: Kwargs, second: Kwargs): Kwargs {
  const twice = Object.keys(second).find((name) => Object.hasOwn(first, name))
  if (twice !== undefined) {
    const message = `got multiple values for argument '${twice}'`
    throw new ValidationError(`${where}: ${message}`, [{ path: [twice], message }])
  }
  return isEmpty(second) ? first : { ...first, ...second }
}

function isEmpty(kwargs: Kwargs): boolean {
  return Object.keys(kwargs).length === 0
}

/** A context, and the seat of its job where one run takes several together. */
type InvokeContext = TaskContext & { readonly seat?: BatchSeat | undefined }

/** Call the function as its style wants; `args` are those of the wire, already validated. */
export function invoke(definition: TaskDefinition, args: readonly unknown[], context: InvokeContext): unknown {
  if (definition.options.batch) return invokeTogether(definition, args[0], context)
  const run = definition.run as (...args: unknown[]) => unknown
  return definition.style === 'object' ? run(args[0], context) : run(...args)
}

/** With the others of its batch; without a batch, as in a direct call, the list has one item. */
async function invokeTogether(definition: TaskDefinition, input: unknown, context: InvokeContext): Promise<unknown> {
  if (context.seat) return context.seat.join(definition, input, context)
  const { BatchCall } = await import('./batch/batchCall.ts')
  return new BatchCall(1).seat().join(definition, input, context)
}
