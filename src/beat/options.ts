import type { AnyTask, Task } from '../calls/task.ts'
import { parseCallOptions } from '../config/callOptions.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError, ValidationError } from '../std/errors.ts'
import { refuseUnknown, requireDate, requireText, shown } from '../std/validate.ts'
import { bindCall, checkArguments, type Given, joinKwargs } from '../tasks/bind.ts'
import type { CallArgs, Definition, Missed, Overlap, ScheduledOptions } from './entry.ts'
import type { Schedule } from './when/schedule.ts'

/** How an entry of the schedule behaves. */
export interface ScheduleOptions {
  /**
   * Runs whose time passed while no beat ran: `'once'` (default) sends one for all of them, the newest; `'skip'` none, unless it is less than
   * a minute late; `{ all: n }` each of them, the newest n at most (1 to 1000).
   */
  missed?: Missed | undefined
  /**
   * The run before still waits or runs: `'allow'` (default) sends the next all the same; `'skip'` does not; `'queue'` sends it when that one
   * has ended, one at most; `'cancel'` first revokes that one, by force: what does not heed its signal ends some seconds later, in pool threads.
   * All but `allow` need the tasks' results.
   */
  overlap?: Overlap | undefined
  /** Each run is sent up to so much later, drawn by its time, never beyond the next. Default 0. */
  jitter?: Duration | undefined
  /** Nothing is due before this moment. */
  start?: Date | undefined
  /** Nothing is due after this moment. */
  end?: Date | undefined
  /** Begin paused. Only of new entries: later `pause` and `resume` say. */
  paused?: boolean | undefined
}

/** A call of a task by its name. */
export interface NamedCall {
  readonly task: string
  /** Positional arguments, or an object of keyword arguments. */
  readonly args?: CallArgs | undefined
  /** Keyword arguments, in place of `args` or beside a list of them. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** As of `applyAsync`, but for what can only be said of one call. */
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

const KNOWN_OPTIONS = new Set(['missed', 'overlap', 'jitter', 'start', 'end', 'paused'])
const SIGNATURE_FIELDS = new Set(['task', 'args', 'kwargs', 'options', 'subtask_type', 'immutable'])
const OVERLAPS: readonly Overlap[] = ['allow', 'skip', 'queue', 'cancel']
/** Options that make sense for one call only. */
const SINGLE_CALL_OPTIONS = ['taskId', 'eta', 'idempotencyKey', 'note']
const MAX_MISSED_RUNS = 1000

/** An entry as it was said, checked. Throws ArgumentError and its kinds; `tasks` are those known here: others are sent all the same. */
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

/** Throws ArgumentError. */
export function parseOptions(
  options: ScheduleOptions,
  where: string,
): Pick<Definition, 'missed' | 'overlap' | 'jitter' | 'start' | 'end'> {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${where}: expected an object of options, got ${shown(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, where)
  const { start, end, overlap = 'allow', paused = false } = options
  if (start !== undefined) requireDate(start, `${where}: start`)
  if (end !== undefined) requireDate(end, `${where}: end`)
  if (start && end && end < start)
    throw new ArgumentError(`${where}: end: expected a moment after start, got ${end.toISOString()}`)
  if (!OVERLAPS.includes(overlap))
    throw new ArgumentError(`${where}: overlap: expected ${OVERLAPS.join(', ')}, got ${shown(overlap)}`)
  if (typeof paused !== 'boolean')
    throw new ArgumentError(`${where}: paused: expected true or false, got ${shown(paused)}`)
  return {
    missed: parseMissed(options.missed ?? 'once', where),
    overlap,
    jitter: milliseconds(options.jitter ?? 0, `${where}: jitter`),
    start: start?.getTime() ?? null,
    end: end?.getTime() ?? null,
  }
}

function parseMissed(missed: Missed, where: string): Missed {
  if (missed === 'skip' || missed === 'once') return missed
  const { all } = (typeof missed === 'object' ? (missed ?? {}) : {}) as { all?: unknown }
  if (Number.isInteger(all) && (all as number) >= 1 && (all as number) <= MAX_MISSED_RUNS) return { all: all as number }
  throw new ArgumentError(
    `${where}: missed: expected 'skip', 'once' or { all: 1 to ${MAX_MISSED_RUNS} }, got ${shown(missed)}`,
  )
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
  if ((given.expires as unknown) instanceof Date)
    throw new ArgumentError(`${where}: expires: expected a time from the sending, as '1h', got a Date`)
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

/** A task of this app tells wrong arguments now, where it can; others are told where they run. */
function checkCall(task: AnyTask | undefined, given: Given, where: string): void {
  if (!task) return
  const { definition } = task
  try {
    const checked = checkArguments(definition, bindCall(definition, given))
    // A schema that takes its time is asked by the worker: nobody waits for it here.
    if (checked instanceof Promise) checked.catch(() => undefined)
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    throw new ValidationError(`${where}: ${error.message}`, error.issues)
  }
}
