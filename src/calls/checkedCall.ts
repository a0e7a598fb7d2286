import type { CallOptions } from '../config/taskOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { shown } from '../std/validate.ts'
import { bindCall, checkArguments, type Given, joinKwargs, wireForm } from '../tasks/bind.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { Call } from './prepareCall.ts'

/** The call of a registered task: its arguments checked, then as they were given (only what the caller said crosses the wire). */
export function checkedCall(definition: TaskDefinition, given: Given, options: CallOptions): Call | Promise<Call> {
  const { name: task, style, params } = definition
  if (style === 'positional' && !params && Object.keys(given.kwargs).length === 0)
    return { task, ...given, options, definition }
  // By position only where that is declared, as the types say.
  const asInput = style === 'object' && !params && given.args.length > 0
  if (asInput) requireObject(given.args[0], task)
  const bound = bindCall(definition, asInput ? { ...given, args: given.args.slice(0, 1) } : given)
  const call: Call = { task, ...wireForm(definition, bound), options, definition }
  const checked = checkArguments(definition, bound)
  return checked instanceof Promise ? checked.then(() => call) : call
}

/** One id or key cannot stand for many calls. */
export function refuseIds({ name }: TaskDefinition, options: CallOptions): void {
  for (const option of ['taskId', 'idempotencyKey'] as const) {
    if (options[option] !== undefined)
      throw new ArgumentError(`task ${name}: delayMany: expected no ${option}, got ${shown(options[option])}`)
  }
}

/** The call of a task by its name: an array is positional arguments, an object keyword arguments. Nothing is checked. */
export function namedCall(
  task: string,
  definition: TaskDefinition | undefined,
  args: readonly unknown[] | Readonly<Record<string, unknown>>,
  options: CallOptions,
): Call {
  const { kwargs = {} } = options
  return Array.isArray(args)
    ? { task, args, kwargs, options, definition }
    : { task, args: [], kwargs: joinKwargs(`task ${task}`, requireObject(args, task), kwargs), options, definition }
}

function requireObject(value: unknown, task: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ArgumentError(`task ${task}: expected one object of arguments, got ${shown(value)}`)
}
