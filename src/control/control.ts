import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { LimitTarget } from '../app/limits/limits.ts'
import { parseRate } from '../config/taskValues.ts'
import { PROFILE_SECONDS, waitOf } from '../protocol/controlCommands.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { requireNode } from '../std/node.ts'
import { requireObject, requireText, shown } from '../std/validate.ts'
import { ask, type ControlOptions, parseControlOptions, send } from './broadcast.ts'
import { Inspect } from './inspect.ts'
import type { CommandAnswer, CommandError, ControlReply, RedriveAnswer, WrittenProfile } from './replies.ts'

export type { ControlOptions } from './broadcast.ts'
export { Inspect } from './inspect.ts'
export type {
  ActiveQueue,
  Answers,
  CommandAnswer,
  CommandDone,
  CommandError,
  ControlReply,
  DeadLettersInfo,
  LimitInfo,
  RedriveAnswer,
  RunningTask,
  ScheduledTask,
  TaskInfo,
  WorkerAbout,
  WorkerStats,
  WrittenProfile,
} from './replies.ts'

requireNode()

/** How tasks are revoked. */
export interface RevokeManyOptions extends ControlOptions {
  /** Also end running tasks by force, in pools that can. */
  terminate?: boolean | undefined
  /** Signal by which Celery's own workers end a running task. Default `'SIGTERM'`. */
  signal?: string | undefined
}

/** Time limits of a task; one that is left out is that of the worker again. */
export interface ControlTimeLimits {
  soft?: Duration | undefined
  hard?: Duration | undefined
}

/** What is profiled. */
export interface ProfileOptions {
  /** How long: 1 to 60. Default `10`. */
  seconds?: number | undefined
  /** Number of a thread or process of the worker. Default: the worker's own thread. */
  slot?: number | undefined
  /** Longest wait for the answer after that time. Default `'10s'`. */
  timeout?: Duration | undefined
  /** The answer has the profile itself, as JSON text, and no file is written. Default: false. */
  content?: boolean | undefined
}

type Arguments = Readonly<Record<string, unknown>>

/**
 * Slots that a command may name at most. A worker of Celery makes so many processes, one after the other, and answers
 * nothing meanwhile: with a number that is too large it never does again.
 */
export const MAX_SLOTS = 1000

/**
 * Remote control of the workers on an app's broker, ours and Celery's. The number of workers is not known: each that
 * receives the command answers, and the wait ends when as many have answered as were named, or no more answers come.
 * Each method resolves with the answers, and rejects with ArgumentError and StoreUnavailableError. A worker that
 * refuses a command answers so.
 */
export class Control {
  readonly #app: App

  constructor(app: App) {
    this.#app = app
  }

  /** Questions that change nothing. Throws ArgumentError for options that cannot be. */
  inspect(options: ControlOptions = {}): Inspect {
    return new Inspect(this.#app, options)
  }

  /** Any command, with its arguments by Celery's names. */
  async broadcast<Value = unknown>(
    method: string,
    given: Arguments = {},
    options: ControlOptions = {},
  ): Promise<ControlReply<Value>[]> {
    requireText(method, 'method')
    requireObject(given, 'arguments')
    return (await ask(
      internalsOf(this.#app),
      { method, arguments: given },
      parseControlOptions(options),
    )) as ControlReply<Value>[]
  }

  /** Which workers run: `[{ 'celeriac@host': { ok: 'pong' } }]`. Rejects with StoreUnavailableError. */
  ping(options: ControlOptions = {}): Promise<ControlReply[]> {
    return this.broadcast('ping', {}, options)
  }

  /**
   * Ask that these tasks do not run, or stop, and remember it for workers that start later. Resolves with the answers
   * of the workers. As `AsyncResult.revoke`, for many at once, and without looking what became of them.
   */
  async revoke(ids: string | readonly string[], options: RevokeManyOptions = {}): Promise<ControlReply[]> {
    const { terminate = false, signal = 'SIGTERM', ...rest } = options
    const all = typeof ids === 'string' ? [ids] : ids
    for (const id of all) requireText(id, 'revoke: ids')
    const parsed = parseControlOptions(rest)
    const { backend } = await internalsOf(this.#app).stores()
    await backend.revoked.add(all)
    return ask(internalsOf(this.#app), { method: 'revoke', arguments: { task_id: all, terminate, signal } }, parsed)
  }

  /**
   * The same of all tasks with one of these stamps: values by name, each one or a list. Workers that start later do not
   * know it.
   */
  revokeByStamps(
    stamps: Readonly<Record<string, unknown>>,
    options: RevokeManyOptions = {},
  ): Promise<ControlReply<CommandAnswer>[]> {
    const { terminate = false, signal = 'SIGTERM', ...rest } = options
    return this.broadcast('revoke_by_stamped_headers', { headers: stamps, terminate, signal }, rest)
  }

  /** Change the rate limit of a task, as its option `rateLimit`, until the worker stops; `0`: none. */
  rateLimit(task: string, rate: number | string, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireText(task, 'rateLimit: task')
    parseRate(rate, 'rateLimit')
    return this.broadcast('rate_limit', { task_name: task, rate_limit: rate }, options)
  }

  /** Change the time limits of a task, until the worker stops. */
  timeLimit(
    task: string,
    { soft, hard }: ControlTimeLimits,
    options: ControlOptions = {},
  ): Promise<ControlReply<CommandAnswer>[]> {
    requireText(task, 'timeLimit: task')
    const seconds = (time: Duration | undefined, name: string): number | null =>
      time === undefined ? null : milliseconds(time, name) / 1000
    const limits = { soft: seconds(soft, 'timeLimit: soft'), hard: seconds(hard, 'timeLimit: hard') }
    return this.broadcast('time_limit', { task_name: task, ...limits }, options)
  }

  /** Take from this queue too. */
  addConsumer(queue: string, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireText(queue, 'addConsumer: queue')
    return this.broadcast('add_consumer', { queue }, options)
  }

  /** Take from this queue no more. */
  cancelConsumer(queue: string, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireText(queue, 'cancelConsumer: queue')
    return this.broadcast('cancel_consumer', { queue }, options)
  }

  /** So many slots more. */
  poolGrow(count = 1, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireCount(count, 'poolGrow')
    return this.broadcast('pool_grow', { n: count }, options)
  }

  /** So many slots fewer. */
  poolShrink(count = 1, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireCount(count, 'poolShrink')
    return this.broadcast('pool_shrink', { n: count }, options)
  }

  /** Change the bounds of pools that scale themselves. */
  autoscale(max: number, min: number, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    requireCount(max, 'autoscale: max')
    if (min !== 0) requireCount(min, 'autoscale: min')
    return this.broadcast('autoscale', { max, min }, options)
  }

  /** Send events of tasks. */
  enableEvents(options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('enable_events', {}, options)
  }

  /** Send no events of tasks. */
  disableEvents(options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('disable_events', {}, options)
  }

  /** Send a heartbeat event now. */
  heartbeat(options: ControlOptions = {}): Promise<ControlReply<CommandError | null>[]> {
    return this.broadcast('heartbeat', {}, options)
  }

  /** Take no more tasks; what runs goes on. Celery's workers do not know it. */
  quiet(options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('quiet', {}, options)
  }

  /**
   * Begin nothing more of a queue, a task, one key of it or a shared limit, on all workers, until `unpause`. The pause
   * is in the store of the workers: one that answers is enough. Celery's workers do not know it.
   */
  pause(target: LimitTarget, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('pause', targetArguments(target), options)
  }

  /** The end of `pause`. */
  unpause(target: LimitTarget, options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('resume', targetArguments(target), options)
  }

  /** After `quiet`: take tasks again. */
  resume(options: ControlOptions = {}): Promise<ControlReply<CommandAnswer>[]> {
    return this.broadcast('resume', {}, options)
  }

  /**
   * Send these dead letters again. They are in the store of the workers: one that answers is enough, and of several
   * each sends what no other has sent. Celery's workers do not know it.
   */
  redrive(ids: readonly string[], options: ControlOptions = {}): Promise<ControlReply<RedriveAnswer | CommandError>[]> {
    return this.broadcast('redrive', { ids: [...ids] }, options)
  }

  /**
   * Let one of our workers write a CPU profile: of its own thread, or of one of its threads or processes by its number
   * (`slot`, as `where` shows it). Resolves when the file is there, with its path on the worker's machine.
   */
  profile(
    worker: string,
    { seconds = PROFILE_SECONDS, slot, timeout, content = false }: ProfileOptions = {},
  ): Promise<ControlReply<WrittenProfile | CommandError>[]> {
    requireText(worker, 'profile: worker')
    requireCount(seconds, 'profile: seconds')
    if (slot !== undefined) requireCount(slot, 'profile: slot')
    const after = timeout === undefined ? undefined : milliseconds(timeout, 'timeout')
    const wait = seconds * 1000 + waitOf('profile', after)
    const given = { seconds, slot: slot ?? null, ...(content && { content }) }
    return this.broadcast('profile', given, { destination: [worker], timeout: wait })
  }

  /** Stop the workers. None of them answers; resolves when the store has the command. */
  async shutdown(options: ControlOptions = {}): Promise<void> {
    await send(internalsOf(this.#app), { method: 'shutdown', arguments: {} }, parseControlOptions(options))
  }
}

/** What `pause` and `resume` are sent. Throws ArgumentError. */
function targetArguments(target: LimitTarget): Arguments {
  requireObject(target, 'target', '{ queue }, { task } or { limit }')
  const { queue, task, limit, key } = target as Readonly<Record<string, unknown>>
  const nameOf = (given: unknown): unknown =>
    typeof given === 'function' || (typeof given === 'object' && given !== null)
      ? (given as { name?: unknown }).name
      : given
  const [[kind, name] = [], ...more] = Object.entries({ queue, task: nameOf(task), limit: nameOf(limit) }).filter(
    ([, value]) => value !== undefined,
  )
  if (kind === undefined || more.length > 0)
    throw new ArgumentError(`target: expected { queue }, { task } or { limit }, got ${shown(target)}`)
  requireText(name, `target: ${kind}`)
  return { [kind]: name, ...(key !== undefined && { key }) }
}

/** Throws ArgumentError. */
function requireCount(count: unknown, where: string): void {
  if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > MAX_SLOTS)
    throw new ArgumentError(`${where}: expected a whole number from 1 to ${MAX_SLOTS}, got ${shown(count)}`)
}
