import { ArgumentError } from '../std/errors.ts'
import { jsonSchemaOf } from '../std/jsonSchema.ts'
import { requireSchema, type Schema } from '../std/schema.ts'
import { functionParameters } from './functionParameters.ts'

/** One parameter of a task. */
export interface Parameter {
  readonly name: string
  /** Checks its argument, where one was declared. */
  readonly schema: Schema | undefined
  /**
   * A call without it is refused. False where that is not known: of parameters that are not declared, or have an
   * asynchronous schema.
   */
  readonly required: boolean
}

/** The parameters of a task, in their order. */
export interface Parameters {
  readonly list: readonly Parameter[]
  /** Further positional arguments are taken. */
  readonly rest: boolean
  /** By the option `params`. Else they were read from the function or from the schema of the input. */
  readonly declared: boolean
}

const PARAMETER_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u

/**
 * The option `params` of a positional task: names, where `y?` may be left out and a last `...rest` takes what follows;
 * or the names with their schemas. Throws ArgumentError.
 */
export function parsePositionalParams(option: unknown, where: string): Parameters | undefined {
  if (option === undefined) return undefined
  if (typeof option !== 'object' || option === null)
    throw new ArgumentError(`${where}: params: expected names or an object of schemas, got ${String(option)}`)
  if (!Array.isArray(option)) return bySchemas(option as Readonly<Record<string, unknown>>, where)
  const rest = typeof option.at(-1) === 'string' && option.at(-1).startsWith('...')
  const texts: readonly unknown[] = rest ? option.slice(0, -1) : option
  const list = texts.map((text) => {
    const optional = typeof text === 'string' && text.endsWith('?')
    return { name: optional ? text.slice(0, -1) : text, schema: undefined, required: !optional }
  })
  if (rest) requireNames([...list.map(({ name }) => name), option.at(-1).slice(3)], where)
  else
    requireNames(
      list.map(({ name }) => name),
      where,
    )
  const late = list.findIndex(({ required }, index) => required && list[index - 1]?.required === false)
  if (late !== -1)
    throw new ArgumentError(
      `${where}: params: ${list[late]?.name} follows one that may be left out, and may not itself`,
    )
  return { list: list as readonly Parameter[], rest, declared: true }
}

function bySchemas(schemas: Readonly<Record<string, unknown>>, where: string): Parameters {
  const names = Object.keys(schemas)
  requireNames(names, where)
  for (const name of names) requireSchema(schemas[name], `${where}: params: ${name}`)
  const list = names.map((name) => ({
    name,
    schema: schemas[name] as Schema,
    required: isRequired(schemas[name] as Schema),
  }))
  return { list, rest: false, declared: true }
}

/** Whether a schema refuses that there is nothing. */
function isRequired(schema: Schema): boolean {
  try {
    const result = schema['~standard'].validate(undefined)
    if (!(result instanceof Promise)) return result.issues !== undefined
    // Answered at each call.
    result.catch(() => undefined)
    return false
  } catch {
    // The schema cannot check `undefined`: the calls will show what it requires.
    return false
  }
}

/** The option `params` of a task with an input schema: names of its properties, in order. Throws ArgumentError. */
export function parseObjectParams(option: unknown, input: Schema, where: string): Parameters | undefined {
  if (option === undefined) return undefined
  if (!Array.isArray(option))
    throw new ArgumentError(`${where}: params: expected an array of names of the input, got ${String(option)}`)
  requireNames(option, where)
  const known = propertiesOf(input)
  const wrong = known && option.find((name) => !known.includes(name))
  if (wrong !== undefined)
    throw new ArgumentError(`${where}: params: the input has no ${wrong}; it has ${known?.join(', ')}`)
  return namesOnly(option, true)
}

function requireNames(names: readonly unknown[], where: string): void {
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string' || !PARAMETER_NAME.test(name) || name === '__proto__')
      throw new ArgumentError(`${where}: params: expected names, got ${JSON.stringify(name) ?? String(name)}`)
    if (names.indexOf(name) !== index) throw new ArgumentError(`${where}: params: ${name} is given twice`)
  }
}

function namesOnly(names: readonly string[], declared: boolean, rest = false): Parameters {
  return { list: names.map((name) => ({ name, schema: undefined, required: false })), rest, declared }
}

/** The parameters in the function's source; undefined where they cannot be read with certainty. */
export function parametersOfFunction(run: (...args: never[]) => unknown): Parameters | undefined {
  const found = functionParameters(run)
  return found && namesOnly(found.names, false, found.rest)
}

/** The parameters in the schema of an input: its properties in their order. */
export function parametersOfInput(input: Schema): Parameters | undefined {
  const names = propertiesOf(input)
  return names && names.length > 0 ? namesOnly(names, false) : undefined
}

/** Names of an object's properties in their order: by the JSON Schema of it, else where zod and valibot have them. */
function propertiesOf(schema: Schema): readonly string[] | undefined {
  const { shape, entries } = schema as { shape?: unknown; entries?: unknown }
  const found = [jsonSchemaOf(schema, 'input', '').properties, shape, entries].find(
    (properties) => typeof properties === 'object' && properties !== null,
  )
  const names = found && Object.keys(found)
  // JavaScript lists such keys first, whatever the order they were written in.
  return names?.some((name) => /^\d+$/.test(name)) ? undefined : names
}
