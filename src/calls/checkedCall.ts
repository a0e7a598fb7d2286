import type { CallOptions } from '../config/callOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { requireObject, shown } from '../std/validate.ts'
import { bindCall, checkArguments, type Given, joinKwargs, wireForm } from '../tasks/bind.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { Call } from './prepareCall.ts'

const ONE_OBJECT = 'one object of arguments'

/**
 * The call of a registered task: its arguments are checked, then used as they were given (only what the caller passed
 * crosses the wire).
 */
export function checkedCall(definition: TaskDefinition, given: Given, options: CallOptions): Call | Promise<Call> {
  const { name: task, style, params } = definition
  if (style === 'positional' && !params && Object.keys(given.kwargs).length === 0)
    return { task, ...given, options, definition }
  // By position only where that is declared, as the types say.
  const asInput = style === 'object' && !params && given.args.length > 0
  if (asInput) requireObject(given.args[0], `task ${task}`, ONE_OBJECT)
  const bound = bindCall(definition, asInput ? { ...given, args: given.args.slice(0, 1) } : given)
  const call: Call = { task, ...wireForm(definition, bound), options, definition }
  const checked = checkArguments(definition, bound)
  return checked instanceof Promise ? checked.then(() => call) : call
}

/** One id or key cannot be that of many calls. */
export function refuseIds({ name }: TaskDefinition, options: CallOptions): void {
  for (const option of ['taskId', 'idempotencyKey'] as const) {
    if (options[option] !== undefined)
      throw new ArgumentError(`task ${name}: delayMany: expected no ${option}, got ${shown(options[option])}`)
  }
}

/**
 * The call of a task by its name: an array is positional arguments, an object keyword arguments. Nothing is checked.
 */
export function namedCall(
  task: string,
  definition: TaskDefinition | undefined,
  args: readonly unknown[] | Readonly<Record<string, unknown>>,
  options: CallOptions,
): Call {
  const { kwargs = {} } = options
  if (Array.isArray(args)) return { task, args, kwargs, options, definition }
  requireObject(args, `task ${task}`, ONE_OBJECT)
  return {
    task,
    args: [],
    kwargs: joinKwargs(`task ${task}`, args as Readonly<Record<string, unknown>>, kwargs),
    options,
    definition,
  }
}
