import type { CallOptions } from '../config/callOptions.ts'
import type { Config } from '../config/config.ts'
import type { ContextValues } from '../config/requestValues.ts'
import type { BatchOptions } from '../config/task/batchOptions.ts'
import type { DebounceOptions, ThrottleOptions, UniqueOptions } from '../config/task/onceOptions.ts'
import { parseTaskOptions } from '../config/task/taskTable.ts'
import type { TaskOptions } from '../config/taskOptions.ts'
import { callHeaders } from '../protocol/callHeaders.ts'
import { chunksData, mapData, starmapData, taskData } from '../protocol/canvas.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { type InferInput, type InferOutput, requireSchema, type Schema } from '../std/schema.ts'
import { requireText, shown } from '../std/validate.ts'
import type { BatchContext, BatchItem, ItemResult } from '../tasks/batch/batchItem.ts'
import { bindCall, type Given, joinKwargs, wireForm } from '../tasks/bind.ts'
import type { TaskContext } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import {
  type Parameters,
  parametersOfFunction,
  parametersOfInput,
  parseObjectParams,
  parsePositionalParams,
} from '../tasks/parameters.ts'
import { splitHooks, type TaskHooks } from '../tasks/taskHooks.ts'
import { sentVersion } from '../tasks/version.ts'
import type { AsyncResult, Submission } from './asyncResult.ts'
import type { ObjectMaker, PositionalMaker } from './makers.ts'
import { Group, Signature, type WorkflowSender } from './workflow.ts'
import type { AnyWorkflow } from './workflowTypes.ts'

/**
 * A task: call it to run it here and now, `delay` it to have a worker run it. `Args` are those of the function, `Call`
 * is what `applyAsync` takes: the same list, or the one input object. `Name` is the name as it was written, by which
 * typed clients find the task. `Make` is the type of `s`.
 */
export interface Task<
  Args extends readonly unknown[],
  Result,
  Progress = unknown,
  Call = Args,
  Return = unknown,
  Name extends string = string,
  Chunk = unknown,
  Make = PositionalMaker<Args, Result, Progress, Chunk>,
> {
  (...args: Args): Return
  readonly name: Name
  readonly definition: TaskDefinition
  /** Send it. Resolves when the store has it. Wrong arguments throw at once. */
  delay(...args: Args): Submission<Result, Progress, Chunk>
  /** Send it with options. */
  applyAsync(args: Call, options?: CallOptions): Submission<Result, Progress, Chunk>
  /**
   * Send many: all are checked before any is sent; the handles come in the order of the calls. If broker and backend
   * are both the same `sqlite:`, `postgres:` or `redis:` store, each 1000 of the calls, in order, are one atomic write:
   * after a crash all of these are there or none. Else each is sent by itself, and after a crash any part of them may
   * be there.
   */
  delayMany(
    calls: readonly Call[],
    options?: Omit<CallOptions, 'taskId' | 'idempotencyKey'>,
  ): Promise<AsyncResult<Result, Progress, Chunk>[]>
  /**
   * Its call as a signature, for workflows and links: with all arguments, or without the first, which is then the
   * result of the step before it.
   */
  readonly s: Make
  /** The same, immutable: it takes nothing from a step before it. */
  si(...args: Args): Signature<Result, unknown, true, AsyncResult<Result, Progress, Chunk>>
  /** One job that runs this task on each item, as its only argument, one after the other. */
  map(items: readonly Args[0][]): Signature<Result[], unknown>
  /** The same, where each item is the list of the arguments. */
  starmap(items: readonly Args[]): Signature<Result[], unknown>
  /** A group of jobs, each of which runs this task on `size` lists of arguments, one after the other. */
  chunks(items: readonly Args[], size: number): Group<Result[][], unknown, true>
}

/** Any task, whatever it takes and returns. */
// biome-ignore lint/suspicious/noExplicitAny: a task of any arguments and result.
export type AnyTask = Task<any, any, any, any, any, any, any, any>

/** A task that takes one input object, checked by its schema on both sides. */
export interface ObjectTask<
  Input extends Schema,
  Output extends Schema | undefined,
  Progress extends Schema | undefined,
  Return,
  Values = ContextValues,
  Name extends string = string,
  Chunk extends Schema | undefined = undefined,
  Params extends readonly string[] = readonly string[],
> extends TaskOptions,
    TaskHooks<ResultOf<Output, NoInfer<Return>>, TaskContext<ProgressOf<Progress>, Values, ProgressOf<Chunk>>> {
  /** Name on the wire, as `reports.render`. */
  name: Name
  input: Input
  /** Checks the result; its output is stored. */
  output?: Output | undefined
  /** Checks the values of `ctx.progress`. */
  progress?: Progress | undefined
  /** Checks the values of `ctx.chunk`; it must not be asynchronous. */
  chunk?: Chunk | undefined
  /**
   * Names of properties of the input, in the order of positional arguments: `delay(a, b)` is then `delay({ a, b })`.
   * Default for callers without these types (Python, HTTP): their order in the schema, where it is known.
   */
  params?: Params | undefined
  /**
   * Makes an input of today from one of an older version, which is `from`, at least 1; before the schema checks it.
   * Default: an older input is taken as it is.
   */
  upgrade?: ((input: unknown, from: number) => InferInput<Input> | Promise<InferInput<Input>>) | undefined
  /** As all tasks have it; its key is a function of the input, as of the next two. */
  unique?: UniqueOptions<[input: InferInput<Input>]> | undefined
  debounce?: DebounceOptions<[input: InferInput<Input>]> | undefined
  throttle?: ThrottleOptions<[input: InferInput<Input>]> | undefined
  /** Of a `BatchTask`. */
  batch?: undefined
  run(input: InferOutput<Input>, ctx: TaskContext<ProgressOf<Progress>, Values, ProgressOf<Chunk>>): Return
}

/**
 * The positional arguments of a task with an input: those of its `params`; none where it declares none, or where they
 * leave out a required property.
 */
export type Positional<Input, Params extends readonly unknown[]> = Params extends readonly []
  ? never
  : RequiredKeys<Input> extends Params[number]
    ? Arguments<Input, Params>
    : never

type RequiredKeys<Input> = { [Key in keyof Input]-?: object extends Pick<Input, Key> ? never : Key }[keyof Input]

/** From the last to the first: those at the end that may be left out are optional. */
type Arguments<Input, Params extends readonly unknown[], Tail extends unknown[] = []> = Params extends readonly [
  ...infer Head,
  infer Last extends keyof Input,
]
  ? object extends Pick<Input, Last>
    ? Arguments<Input, Head, [argument?: Input[Last], ...tail: Tail]>
    : [...head: Values<Input, Params>, ...tail: Tail]
  : Tail

type Values<Input, Params extends readonly unknown[]> = {
  -readonly [Index in keyof Params]: Params[Index] extends keyof Input ? Input[Params[Index]] : never
}

/** What a task reports or emits, by its schema for that; unknown without one. */
export type ProgressOf<Progress> = Progress extends Schema ? InferInput<Progress> : unknown
/** What a task results in: what its output schema makes of it or, without one, what its function returns. */
export type ResultOf<Output, Return> = Output extends Schema ? InferOutput<Output> : Awaited<Return>

/** The result of each item: what the output schema makes of it or, without one, what is in the list. */
export type BatchResultOf<Output, Return> = Output extends Schema ? InferOutput<Output> : ItemResult<Return>

/**
 * A task whose function gets a list of its calls, each with its own input. Input, result and progress are checked for
 * each of them; hooks and middleware run around each.
 */
export interface BatchTask<
  Input extends Schema,
  Output extends Schema | undefined,
  Progress extends Schema | undefined,
  Return,
  Values = ContextValues,
  Name extends string = string,
  Params extends readonly string[] = readonly string[],
> extends Omit<
      ObjectTask<Input, Output, Progress, unknown, Values, Name, undefined, Params>,
      'run' | 'batch' | 'chunk' | 'rateLimit' | keyof TaskHooks
    >,
    TaskHooks<BatchResultOf<Output, NoInfer<Return>>, TaskContext<ProgressOf<Progress>, Values>> {
  batch: BatchOptions<InferOutput<Input>>
  /**
   * Returns the results in the order of the items, or nothing. What it throws is the end of each item that has none of
   * its own.
   */
  run(items: readonly BatchItem<InferOutput<Input>, ProgressOf<Progress>, Values>[], ctx: BatchContext): Return
}

/** A task with one input object, as callers see it. */
export type InputTask<
  Input extends Schema,
  Params extends readonly string[],
  Result,
  Progress,
  Name extends string,
  Chunk = unknown,
> = Task<
  [input: InferInput<Input>] | Positional<InferInput<Input>, Params>,
  Result,
  Progress,
  InferInput<Input> | Positional<InferInput<Input>, Params>,
  Promise<Result>,
  Name,
  Chunk,
  ObjectMaker<
    [input: InferInput<Input>] | Positional<InferInput<Input>, Params>,
    InferInput<Input>,
    Params,
    Positional<InferInput<Input>, Params>,
    Result,
    Progress,
    Chunk
  >
>

/** How a task passes on its calls; the app does the rest. */
export interface Calls extends WorkflowSender {
  send(definition: TaskDefinition, given: Given, options: CallOptions): Submission<unknown>
  sendMany(definition: TaskDefinition, calls: readonly Given[], options: CallOptions): Promise<AsyncResult[]>
  /** Run here, in a context without a worker. */
  runHere(definition: TaskDefinition, args: readonly unknown[]): unknown
}

export function positionalDefinition(
  name: string,
  run: (...args: never[]) => unknown,
  given: TaskOptions & TaskHooks = {},
): TaskDefinition {
  requireText(name, 'task name')
  if (typeof run !== 'function') throw new ArgumentError(`task ${name}: expected a function, got ${typeof run}`)
  const { hooks, options } = splitHooks(given, name)
  if (options.batch !== undefined)
    throw new ArgumentError(
      `task ${name}: batch: expected a task with an input schema, got one of positional arguments`,
    )
  const params = parsePositionalParams(options.params, `task ${name}`)
  return withParameters(
    {
      name,
      options: parseTaskOptions(options, name),
      style: 'positional',
      params,
      input: undefined,
      output: undefined,
      progress: undefined,
      chunk: undefined,
      hooks,
      run,
    },
    () => parametersOfFunction(run),
  )
}

/** Deriving parameters takes time, and most tasks are never called in a way that needs them. */
function withParameters(
  definition: Omit<TaskDefinition, 'parameters'>,
  derive: () => Parameters | undefined,
): TaskDefinition {
  let derived: { readonly found: Parameters | undefined } | undefined
  return {
    ...definition,
    get parameters() {
      derived ??= { found: definition.params ?? derive() }
      return derived.found
    },
  }
}

export function objectDefinition(
  task: ObjectTask<Schema, Schema | undefined, Schema | undefined, unknown, ContextValues, string, Schema | undefined>,
): TaskDefinition {
  if (typeof task !== 'object' || task === null)
    throw new ArgumentError(`task: expected a name or an object, got ${String(task)}`)
  const { name, input, output, progress, chunk, run, ...given } = task
  requireText(name, 'task name')
  const { hooks, options } = splitHooks(given, name)
  if (typeof run !== 'function') throw new ArgumentError(`task ${name}: run: expected a function, got ${typeof run}`)
  requireSchema(input, `task ${name}: input`)
  if (output !== undefined) requireSchema(output, `task ${name}: output`)
  if (progress !== undefined) requireSchema(progress, `task ${name}: progress`)
  if (chunk !== undefined) requireSchema(chunk, `task ${name}: chunk`)
  const params = parseObjectParams(options.params, input, `task ${name}`)
  return withParameters(
    {
      name,
      options: parseTaskOptions(options, name),
      style: 'object',
      params,
      input,
      output,
      progress,
      chunk,
      hooks,
      run,
    },
    () => parametersOfInput(input),
  )
}

/**
 * Send a task by arguments as they cross the wire: for callers without its types. Throws ValidationError for arguments
 * that do not fit, and as `applyAsync`.
 */
export function callTask({ definition, applyAsync }: AnyTask, given: Given, options: CallOptions): Submission<unknown> {
  const { args, kwargs } = wireForm(definition, bindCall(definition, withKwargs(definition.name, given, options)))
  if (definition.style === 'object') return applyAsync(kwargs, { ...options, kwargs: undefined })
  return applyAsync(args, Object.keys(kwargs).length === 0 && !options.kwargs ? options : { ...options, kwargs })
}

function withKwargs(task: string, given: Given, { kwargs }: CallOptions): Given {
  return kwargs === undefined ? given : { args: given.args, kwargs: joinKwargs(`task ${task}`, given.kwargs, kwargs) }
}

/** What makes signatures of a task. */
function makersOf(
  definition: TaskDefinition,
  calls: Calls,
): Record<'s' | 'si' | 'map' | 'starmap' | 'chunks', (...args: never[]) => AnyWorkflow> {
  const { name } = definition
  // Its arguments are of this version, whatever process sends it.
  const headers = callHeaders({ version: sentVersion(definition.options) })
  const options = headers && { options: { headers } }
  const call = (args: readonly unknown[], immutable: boolean): AnyWorkflow =>
    new Signature(taskData(name, { ...givenOf(definition, args), ...options, immutable }), calls)
  const each = (items: readonly (readonly unknown[])[], kind: string): typeof items => {
    if (!Array.isArray(items) || !items.every((item) => Array.isArray(item)))
      throw new ArgumentError(`task ${name}: ${kind}: expected a list of lists of arguments, got ${shown(items)}`)
    return items
  }
  return {
    s: (...args: unknown[]) => call(args, false),
    si: (...args: unknown[]) => call(args, true),
    map: (items: readonly unknown[]) => new Signature(mapData(taskData(name), [...items]), calls),
    starmap: (items: readonly (readonly unknown[])[]) =>
      new Signature(starmapData(taskData(name), each(items, 'starmap')), calls),
    chunks: (items: readonly (readonly unknown[])[], size: number) => {
      if (!Number.isSafeInteger(size) || size < 1)
        throw new ArgumentError(`task ${name}: chunks: expected a size >= 1, got ${shown(size)}`)
      return new Group(chunksData(taskData(name), each(items, 'chunks'), size), calls)
    },
  }
}

/** Arguments as they are sent: one object of a task with an input is its keyword arguments. */
function givenOf({ style, params }: TaskDefinition, args: readonly unknown[]): Given {
  const [first] = args
  if (style !== 'object' || args.length !== 1 || !isRecord(first)) return { args, kwargs: {} }
  const names = Object.keys(first)
  const isInput = !params || names.length === 0 || params.list.some(({ name }) => Object.hasOwn(first, name))
  return isInput ? { args: [], kwargs: first } : { args, kwargs: {} }
}

/** The callable task of a definition. */
export function makeTask(definition: TaskDefinition, calls: Calls): AnyTask {
  const toGiven = (call: unknown, { kwargs = {} }: CallOptions): Given => {
    const { name, style, params } = definition
    if (Array.isArray(call) && (style === 'positional' || params)) return { args: call, kwargs }
    if (style === 'object' && Object.keys(kwargs).length === 0) return { args: [call], kwargs }
    if (style === 'object' && isRecord(call)) return { args: [], kwargs: joinKwargs(`task ${name}`, call, kwargs) }
    throw new ArgumentError(`task ${name}: expected an array of arguments, got ${shown(call)}`)
  }
  const task = (...args: unknown[]): unknown => calls.runHere(definition, args)
  Object.defineProperty(task, 'name', { value: definition.name, enumerable: true })
  return Object.assign(task, {
    definition,
    delay: (...args: unknown[]) => calls.send(definition, { args, kwargs: {} }, {}),
    applyAsync: (call: unknown, options: CallOptions = {}) =>
      calls.send(definition, toGiven(call, options ?? {}), options),
    delayMany: (many: readonly unknown[], options: CallOptions = {}) => {
      const given = many.map((call) => toGiven(call, options ?? {}))
      return calls.sendMany(definition, given, options)
    },
    ...makersOf(definition, calls),
  }) as unknown as AnyTask
}

/** Names of the queues of an app: its own, and those that its tasks go to, and these others. */
export function taskQueues(
  config: Pick<Config, 'queue' | 'route'>,
  tasks: ReadonlyMap<string, AnyTask>,
  others: Iterable<string> = [],
): string[] {
  const own = [...tasks.values()].map(
    ({ definition: { name, options } }) => options.queue ?? config.route?.(name)?.queue,
  )
  const more = [...others].filter((name) => !tasks.has(name)).map((name) => config.route?.(name)?.queue)
  return [...new Set([config.queue, ...own, ...more])].filter((queue) => queue !== undefined)
}
