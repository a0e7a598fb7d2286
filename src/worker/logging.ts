import { inspect } from 'node:util'
import type { Signals, TaskFacts } from '../app/signals.ts'
import { subjectText } from '../config/task/limitPlan.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import { type Concealed, concealed, concealedError, HIDDEN } from '../protocol/repr.ts'
import type { Emitter } from '../std/emitter.ts'
import { DecodeError } from '../std/errors.ts'
import { type LineLevel, LOG_LEVELS, type Logger, type LogLevel } from '../std/log.ts'
import { isStoreAway } from '../std/thrown.ts'

/** Longest result in a log line, in characters. */
const MAX_RESULT_LENGTH = 200

/** A signal as a log line. */
interface Line<Event> {
  readonly level: LineLevel
  /** Of an event that is less than the others. */
  levelOf?(event: Event): LineLevel
  text(event: Event): string
  /** Data beside the text, by which the log is searched. */
  fields?(event: Event): object
}

/** Every signal that is worth a line. */
const LINES: { readonly [Name in keyof Signals]?: Line<Signals[Name]> } = {
  'task:received': { level: 'info', text: (task) => `${nameOf(task)} received`, fields: factsOf },
  'task:prerun': { level: 'debug', text: (task) => `${nameOf(task)} started`, fields: factsOf },
  'task:success': {
    level: 'info',
    text: (task) => `${nameOf(task)} succeeded in ${seconds(task.runtime)}: ${resultText(task.result, task.concealed)}`,
    fields: runFacts,
  },
  'task:failure': {
    level: 'error',
    levelOf: ({ expected }) => (expected ? 'info' : 'error'),
    text: ({ expected = false, ...task }) =>
      `${nameOf(task)} ${expected ? 'raised an expected error' : 'failed'} in ${seconds(task.runtime)}: ${errorText(task.error, task.concealed)}`,
    fields: ({ expected = false, ...task }) => ({
      ...runFacts(task),
      error: task.error.type,
      ...(!expected && { traceback: concealedError(task.error, task.concealed).traceback }),
    }),
  },
  'task:retry': {
    level: 'info',
    text: (task) =>
      `${nameOf(task)} retry ${task.retries + 1} in ${seconds(task.delay)}: ${errorText(task.error, task.concealed)}`,
    fields: (task) => ({ ...factsOf(task), error: task.error.type }),
  },
  'task:snoozed': {
    level: 'info',
    text: (task) => `${nameOf(task)} snoozed for ${seconds(task.delay)}`,
    fields: factsOf,
  },
  'task:revoked': { level: 'warn', text: (task) => `${nameOf(task)} revoked (${task.reason})`, fields: factsOf },
  'task:rejected': {
    level: 'warn',
    text: (task) =>
      `${nameOf(task)} rejected${task.requeue ? ', requeued' : ''}: ${task.concealed === 'all' ? HIDDEN : task.reason}`,
    fields: factsOf,
  },
  'task:unknown': {
    level: 'error',
    text: (task) => `${nameOf(task)} ${unknownText(task)}: it was sent to queue ${task.queue}`,
    fields: factsOf,
  },
  'task:postponed': {
    level: 'warn',
    text: (task) => `${nameOf(task)} waits in queue ${task.queue} for another worker: ${task.reason}`,
    fields: factsOf,
  },
  'task:undecodable': {
    level: 'error',
    text: ({ queue, error }) => `a message in queue ${queue} cannot be read: ${errorText(error)}`,
    fields: ({ queue }) => ({ queue }),
  },
  'task:lost': {
    level: 'warn',
    text: (task) => `${nameOf(task)} lost: its lease ran out, another worker has it; what this one did was not stored`,
    fields: factsOf,
  },
  'task:returned': {
    level: 'warn',
    text: (task) => `${nameOf(task)} requeued to queue ${task.queue}`,
    fields: factsOf,
  },
  'chord:success': {
    level: 'info',
    text: ({ group, id }) => `Chord ${group} complete: its body ${id} is sent`,
    fields: ({ group, id }) => ({ group, id }),
  },
  'chord:failure': {
    level: 'error',
    text: ({ group, id, error, concealed: what }) =>
      `Chord ${group} failed, and its body ${id}: ${errorText(error, what)}`,
    fields: ({ group, id, error }) => ({ group, id, error: error.type }),
  },
  'limit:breaker': {
    level: 'warn',
    levelOf: ({ state }) => (state === 'open' ? 'warn' : 'info'),
    text: breakerText,
    fields: ({ rule, key, state }) => ({ rule, ...(key !== '' && { key }), state }),
  },
  'worker:ready': { level: 'info', text: ({ hostname }) => `${hostname} ready` },
  'worker:blocked': {
    level: 'warn',
    text: blockedText,
    fields: ({ tasks, time }) => ({ tasks, time: Math.round(time) }),
  },
  'worker:pressure': {
    level: 'warn',
    levelOf: ({ isExceeded }) => (isExceeded ? 'warn' : 'info'),
    text: pressureText,
    fields: ({ limit, value, max }) => ({ limit, value, max }),
  },
  'worker:scaled': {
    level: 'info',
    text: ({ hostname, pool, before, size }) =>
      `${hostname} ${size > before ? 'grows' : 'shrinks'} its pool ${pool} from ${before} to ${size}`,
    fields: ({ pool, size }) => ({ pool, size }),
  },
  'worker:shutdown': { level: 'info', text: ({ hostname, reason }) => `${hostname} stops: ${reason}` },
  'worker:error': {
    level: 'error',
    levelOf: ({ error }) => (error instanceof DecodeError ? 'warn' : 'error'),
    text: ({ doing, error }) => `${doing}: ${messageOf(error)}`,
    fields: unexpected,
  },
}

/**
 * Turns an app's signals into log lines. Below `level` nothing is listened to, so that nothing is spent on lines that
 * are not written. The returned function ends it.
 */
export function logSignals(signals: Pick<Emitter<Signals>, 'on'>, logger: Logger, level: LogLevel): () => void {
  const names = Object.keys(LINES) as (keyof Signals)[]
  const ends = names.map((name) => logSignal(signals, logger, level, name))
  return () => {
    for (const end of ends) end?.()
  }
}

function logSignal<Name extends keyof Signals>(
  signals: Pick<Emitter<Signals>, 'on'>,
  logger: Logger,
  level: LogLevel,
  name: Name,
): (() => void) | undefined {
  const line: Line<Signals[Name]> | undefined = LINES[name]
  if (!line || LOG_LEVELS.indexOf(line.level) < LOG_LEVELS.indexOf(level)) return undefined
  return signals.on(name, (event) => {
    const own = line.levelOf?.(event) ?? line.level
    if (own === line.level || LOG_LEVELS.indexOf(own) >= LOG_LEVELS.indexOf(level))
      logger[own](line.fields?.(event) ?? {}, line.text(event))
  })
}

function unknownText({ version }: Signals['task:unknown']): string {
  return version === undefined ? 'is not registered here' : `has the version ${version}, newer than the one here`
}

function blockedText({ tasks, certain, id, time }: Signals['worker:blocked']): string {
  const names = Object.keys(tasks)
  const blocked = `blocked the event loop for ${seconds(time)}`
  if (names.length === 0) return `something other than a task has ${blocked}`
  const runs = names.map((task) => `${task} (${tasks[task] === 1 ? '1 run' : `${tasks[task]} runs`})`)
  const many = runs.join(', ')
  const several = certain ? `Tasks ${many} have ${blocked}` : `One of the running tasks ${many} has ${blocked}`
  const text = id === undefined ? several : `${nameOf({ task: names[0] as string, id })} has ${blocked}`
  return `${text}; no other task of this worker went on meanwhile: use pool: 'threads' or 'processes' for such a task`
}

function pressureText({ isExceeded, time, limit, reason }: Signals['worker:pressure']): string {
  if (!isExceeded) return `takes as many tasks as before: ${reason}`
  const how = time > 0 ? `has taken one task at a time for ${Math.round(time / 1000)} s` : 'takes one task at a time'
  const advice = time > 0 && limit === 'memory' ? '; where it does not come down, a new process is needed' : ''
  return `${how}: ${reason}${advice}`
}

function breakerText({ state, until, ...limit }: Signals['limit:breaker']): string {
  const breaker = `the breaker of ${subjectText(limit)}`
  if (state !== 'open') return `${breaker} is closed: runs succeed again`
  const end = until === undefined ? '' : ` before ${new Date(until).toISOString()}`
  return `${breaker} is open: its runs have failed, and nothing of it begins${end}`
}

function nameOf({ task, id }: Pick<TaskFacts, 'task' | 'id'>): string {
  return `Task ${task}[${id}]`
}

function factsOf({ id, task, queue }: TaskFacts): object {
  return { id, task, queue }
}

function runFacts(task: TaskFacts & { readonly runtime: number }): object {
  return { ...factsOf(task), runtime: Math.round(task.runtime) }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3)}s`
}

function errorText(error: ErrorInfo, what?: Concealed): string {
  const { type, message } = concealedError(error, what)
  return message === '' ? type : `${type}: ${message}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An unavailable store, or a message that cannot be read, is expected, and its stack explains nothing. */
function unexpected({ error }: Signals['worker:error']): object {
  return isStoreAway(error) || error instanceof DecodeError ? {} : { err: error }
}

function resultText(whole: unknown, what: Concealed | undefined): string {
  if (what === 'all') return HIDDEN
  const result = concealed(whole, what)
  if (typeof result === 'number' || typeof result === 'boolean') return String(result)
  const limits = {
    depth: 3,
    maxArrayLength: 50,
    maxStringLength: MAX_RESULT_LENGTH,
    breakLength: Number.POSITIVE_INFINITY,
    compact: true,
  }
  const text = inspect(result, limits)
  return text.length > MAX_RESULT_LENGTH ? `${text.slice(0, MAX_RESULT_LENGTH)}…` : text
}
