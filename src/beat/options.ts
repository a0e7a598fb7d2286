import type { AnyTask, Task } from '../calls/task.ts'
import { parseCallOptions } from '../config/callOptions.ts'
import { ArgumentError, ValidationError } from '../std/errors.ts'
import { refuseUnknown, requireText, shown } from '../std/validate.ts'
import { bindCall, checkArguments, type Given, joinKwargs } from '../tasks/bind.ts'
import type { CallArgs, Definition, ScheduledOptions } from './entry.ts'
import { parseOptions, type ScheduleOptions } from './scheduleOptions.ts'
import type { Schedule } from './when/schedule.ts'

/** A call of a task by its name. */
export interface NamedCall {
  readonly task: string
  /** Positional arguments, or an object of keyword arguments. */
  readonly args?: CallArgs | undefined
  /** Keyword arguments, instead of `args` or together with a list of them. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** As of `applyAsync`, except for options of one call only. */
  readonly options?: ScheduledOptions | undefined
}

/** A call of a task, whose arguments have the types of that task: `args` as `applyAsync` takes them. */
export type TypedCall<Call> = {
  // biome-ignore lint/suspicious/noExplicitAny: whatever else it is, it takes these arguments.
  readonly task: Task<any, any, any, Call, any, any>
  readonly options?: ScheduledOptions | undefined
} & ([] extends Call ? { readonly args?: NoInfer<Call> | undefined } : { readonly args: NoInfer<Call> })

/** What is sent: a task or its name, or one of them with arguments and options. */
// biome-ignore lint/suspicious/noExplicitAny: a call of any task.
export type ScheduledCall<Call = any> = string | AnyTask | NamedCall | TypedCall<Call>

/** A call as it may come from code without types. */
interface AnyCall extends Omit<NamedCall, 'task'> {
  readonly task: unknown
}

const SIGNATURE_FIELDS = new Set(['task', 'args', 'kwargs', 'options', 'subtask_type', 'immutable'])
/** Options that make sense for one call only. */
const SINGLE_CALL_OPTIONS = ['taskId', 'eta', 'idempotencyKey', 'note']

/**
 * A checked definition of an entry. Throws ArgumentError and its subclasses; `tasks` are those known here: others are
 * sent nevertheless.
 */
export function parseDefinition(
  name: string,
  when: Schedule,
  call: ScheduledCall,
  options: ScheduleOptions,
  tasks: ReadonlyMap<string, AnyTask>,
): Definition {
  requireText(name, 'schedule: name')
  const where = `schedule ${name}`
  requireSchedule(when, where)
  return { schedule: when.toJSON(), ...parseCall(call, where, tasks), ...parseOptions(options, where) }
}

/** Throws ArgumentError. */
export function requireSchedule(when: unknown, where: string): asserts when is Schedule {
  const { next, toJSON } = (when ?? {}) as Partial<Schedule>
  if (typeof next === 'function' && typeof toJSON === 'function') return
  throw new ArgumentError(`${where}: expected cron(), crontab(), every(), at() or solar(), got ${shown(when)}`)
}

/** The task of an entry and its arguments. Throws ArgumentError. */
export function parseCall(
  call: ScheduledCall,
  where: string,
  tasks: ReadonlyMap<string, AnyTask>,
): Pick<Definition, 'task' | 'args' | 'options'> {
  const given: AnyCall = typeof call === 'object' && call !== null ? call : { task: call }
  refuseUnknown(given, SIGNATURE_FIELDS, where)
  if (((given as { subtask_type?: unknown }).subtask_type ?? null) !== null)
    throw new ArgumentError(`${where}: expected one task, got a canvas; schedule a task that sends it`)
  const task = nameOf(given.task, where)
  const options = checkScheduled(given.options ?? {}, `${where}: options`)
  const { args, kwargs } = argumentsOf(given, options.kwargs, where)
  checkCall(tasks.get(task), { args, kwargs }, where)
  const { kwargs: _, ...rest } = options
  if (args.length === 0) return { task, args: Object.keys(kwargs).length === 0 ? args : kwargs, options: rest }
  return { task, args, options: Object.keys(kwargs).length === 0 ? rest : { ...rest, kwargs } }
}

function nameOf(task: unknown, where: string): string {
  const { definition } = (task ?? {}) as Partial<AnyTask>
  const name = definition ? definition.name : task
  requireText(name, `${where}: task`)
  return name
}

function checkScheduled(options: ScheduledOptions, where: string): ScheduledOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  for (const name of SINGLE_CALL_OPTIONS) {
    if (name in given) throw new ArgumentError(`${where}: ${name} is of one call, and a schedule makes many`)
  }
  for (const name of ['expires', 'deadline'])
    if (given[name] instanceof Date)
      throw new ArgumentError(`${where}: ${name}: expected a time from the sending, as '1h', got a Date`)
  parseCallOptions(given, where)
  return given as ScheduledOptions
}

/** `args` and `kwargs` of the entry, and the option of that name, as they will be sent. */
function argumentsOf({ args = [], kwargs = {} }: AnyCall, more: Given['kwargs'] = {}, where: string): Given {
  for (const [name, value] of Object.entries({ args, kwargs })) {
    const fits = typeof value === 'object' && value !== null && (name === 'args' || !Array.isArray(value))
    if (!fits) throw new ArgumentError(`${where}: ${name}: expected ${EXPECTED_VALUES[name]}, got ${shown(value)}`)
  }
  const own = joinKwargs(where, kwargs, more)
  return Array.isArray(args)
    ? { args, kwargs: own }
    : { args: [], kwargs: joinKwargs(where, args as Given['kwargs'], own) }
}

const EXPECTED_VALUES: Readonly<Record<string, string>> = {
  args: 'an array, or an object of keyword arguments',
  kwargs: 'an object',
}

/** A task of this app reports wrong arguments now, if it can; others report them where they run. */
function checkCall(task: AnyTask | undefined, given: Given, where: string): void {
  if (!task) return
  const { definition } = task
  try {
    const checked = checkArguments(definition, bindCall(definition, given))
    // An asynchronous schema is used by the worker: its result is not awaited here.
    if (checked instanceof Promise) checked.catch(() => undefined)
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    throw new ValidationError(`${where}: ${error.message}`, error.issues)
  }
}
