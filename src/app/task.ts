import { ArgumentError } from '../std/errors.ts'
import type { TaskContext } from './current.ts'
import type { TaskDefinition } from './definition.ts'
import { type CallOptions, parseTaskOptions, requireText, shown, type TaskOptions } from './options.ts'
import type { ContextValues } from './requestContext.ts'
import type { AsyncResult } from './result.ts'
import { type InferInput, type InferOutput, requireSchema, type Schema } from './schema.ts'
import type { Submission } from './submission.ts'

/**
 * A task: call it to run it here and now, `delay` it to have a worker run it.
 * `Args` are those of the function, `Call` is what `applyAsync` takes: the same list, or the one input object. `Name` is the name as it was written,
 * by which typed clients find the task.
 */
export interface Task<
  Args extends readonly unknown[],
  Result,
  Progress = unknown,
  Call = Args,
  Return = unknown,
  Name extends string = string,
  Chunk = unknown,
> {
  (...args: Args): Return
  readonly name: Name
  readonly definition: TaskDefinition
  /** Send it. Resolves when the store has it. Wrong arguments throw at once. */
  delay(...args: Args): Submission<Result, Progress, Chunk>
  /** Send it with options. */
  applyAsync(args: Call, options?: CallOptions): Submission<Result, Progress, Chunk>
  /** Send many in one write. All are checked before any is sent; the handles come in the order of the calls. */
  delayMany(
    calls: readonly Call[],
    options?: Omit<CallOptions, 'taskId' | 'idempotencyKey'>,
  ): Promise<AsyncResult<Result, Progress, Chunk>[]>
}

/** Any task, whatever it takes and returns. */
// biome-ignore lint/suspicious/noExplicitAny: a task of any arguments and result.
export type AnyTask = Task<any, any, any, any, any, any, any>

/** A task that takes one input object, checked by its schema on both sides. */
export interface ObjectTask<
  Input extends Schema,
  Output extends Schema | undefined,
  Progress extends Schema | undefined,
  Return,
  Values = ContextValues,
  Name extends string = string,
  Chunk extends Schema | undefined = undefined,
> extends TaskOptions {
  /** Name on the wire, as `reports.render`. */
  name: Name
  input: Input
  /** Checks the result; what it makes of it is stored. */
  output?: Output
  /** Checks the values of `ctx.progress`. */
  progress?: Progress
  /** Checks the values of `ctx.chunk`; it must not be asynchronous. */
  chunk?: Chunk
  run(input: InferOutput<Input>, ctx: TaskContext<ProgressOf<Progress>, Values, ProgressOf<Chunk>>): Return
}

/** What a task reports or hands out, by its schema of that; unknown without one. */
export type ProgressOf<Progress> = Progress extends Schema ? InferInput<Progress> : unknown
/** What a task results in: what its output schema makes of it or, without one, what its function returns. */
export type ResultOf<Output, Return> = Output extends Schema ? InferOutput<Output> : Awaited<Return>

/** How a task hands its calls over; the app does the rest. */
export interface Calls {
  send(definition: TaskDefinition, args: readonly unknown[], options: CallOptions): Submission<unknown>
  sendMany(
    definition: TaskDefinition,
    calls: readonly (readonly unknown[])[],
    options: CallOptions,
  ): Promise<AsyncResult[]>
  /** Run here, in a context without a worker. */
  runHere(definition: TaskDefinition, args: readonly unknown[]): unknown
}

export function positionalDefinition(
  name: string,
  run: (...args: never[]) => unknown,
  options: TaskOptions = {},
): TaskDefinition {
  requireText(name, 'task name')
  if (typeof run !== 'function') throw new ArgumentError(`task ${name}: expected a function, got ${typeof run}`)
  return {
    name,
    options: parseTaskOptions(options, name),
    style: 'positional',
    input: undefined,
    output: undefined,
    progress: undefined,
    chunk: undefined,
    run,
  }
}

export function objectDefinition(
  task: ObjectTask<Schema, Schema | undefined, Schema | undefined, unknown, ContextValues, string, Schema | undefined>,
): TaskDefinition {
  if (typeof task !== 'object' || task === null)
    throw new ArgumentError(`task: expected a name or an object, got ${String(task)}`)
  const { name, input, output, progress, chunk, run, ...options } = task
  requireText(name, 'task name')
  if (typeof run !== 'function') throw new ArgumentError(`task ${name}: run: expected a function, got ${typeof run}`)
  requireSchema(input, `task ${name}: input`)
  if (output !== undefined) requireSchema(output, `task ${name}: output`)
  if (progress !== undefined) requireSchema(progress, `task ${name}: progress`)
  if (chunk !== undefined) requireSchema(chunk, `task ${name}: chunk`)
  return { name, options: parseTaskOptions(options, name), style: 'object', input, output, progress, chunk, run }
}

/** The callable task of a definition. */
export function makeTask(definition: TaskDefinition, calls: Calls): AnyTask {
  const toArgs = (call: unknown): readonly unknown[] => {
    if (definition.style === 'object') return [call]
    if (!Array.isArray(call))
      throw new ArgumentError(`task ${definition.name}: expected an array of arguments, got ${shown(call)}`)
    return call
  }
  const task = (...args: unknown[]): unknown => calls.runHere(definition, args)
  Object.defineProperty(task, 'name', { value: definition.name, enumerable: true })
  return Object.assign(task, {
    definition,
    delay: (...args: unknown[]) => calls.send(definition, args, {}),
    applyAsync: (call: unknown, options: CallOptions = {}) => calls.send(definition, toArgs(call), options),
    delayMany: (many: readonly unknown[], options: CallOptions = {}) =>
      calls.sendMany(definition, many.map(toArgs), options),
  }) as unknown as AnyTask
}
