import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { ask, type ControlOptions, type ParsedControlOptions, parseControlOptions } from './broadcast.ts'
import type {
  ActiveQueue,
  Answers,
  CommandDone,
  DeadLettersInfo,
  LimitInfo,
  RunningTask,
  ScheduledTask,
  TaskInfo,
  WorkerAbout,
  WorkerStats,
} from './replies.ts'

/**
 * Questions to workers, ours and Celery's, that change nothing. Each resolves with what they answer, by host name: the
 * value, or `{ error }` of a worker that does not know the question. Each rejects with StoreUnavailableError.
 */
export class Inspect {
  readonly #app: App
  readonly #options: ParsedControlOptions

  /** Throws ArgumentError for options that cannot be. */
  constructor(app: App, options: ControlOptions = {}) {
    this.#app = app
    this.#options = parseControlOptions(options)
  }

  /** Which workers run. */
  ping(): Promise<Answers<CommandDone>> {
    return this.#ask('ping')
  }

  /** Their versions, their clocks, and whether they take tasks. Celery's workers do not know it. */
  about(): Promise<Answers<WorkerAbout>> {
    return this.#ask('about')
  }

  /** Tasks that run. `safe`: their arguments as text. */
  active({ safe = false }: { safe?: boolean | undefined } = {}): Promise<Answers<readonly TaskInfo[]>> {
    return this.#ask('active', { safe })
  }

  /** Tasks that were taken and do not run yet. */
  reserved(): Promise<Answers<readonly TaskInfo[]>> {
    return this.#ask('reserved')
  }

  /** Tasks that workers hold until their time. Ours hold none: the store keeps them. */
  scheduled(): Promise<Answers<readonly ScheduledTask[]>> {
    return this.#ask('scheduled')
  }

  /** Ids of revoked tasks. */
  revoked(): Promise<Answers<readonly string[]>> {
    return this.#ask('revoked')
  }

  /** Names of tasks, each with those of these attributes that it has, as `shop.add [rate_limit=10/m]`. */
  registered(...attributes: readonly string[]): Promise<Answers<readonly string[]>> {
    return this.#ask('registered', { taskinfoitems: attributes })
  }

  /** Queues that they take from. */
  activeQueues(): Promise<Answers<readonly ActiveQueue[]>> {
    return this.#ask('active_queues')
  }

  /** Counts, pool, broker, and use of resources. */
  stats(): Promise<Answers<WorkerStats>> {
    return this.#ask('stats')
  }

  /** Settings, without secrets. */
  conf({
    withDefaults = false,
  }: {
    withDefaults?: boolean | undefined
  } = {}): Promise<Answers<Readonly<Record<string, unknown>>>> {
    return this.#ask('conf', { with_defaults: withDefaults })
  }

  /** What they hold of these tasks: `active`, `reserved` or, of Celery's workers, `ready`, and the task. */
  queryTask(...ids: readonly string[]): Promise<Answers<Readonly<Record<string, readonly [string, TaskInfo]>>>> {
    return this.#ask('query_task', { ids })
  }

  /** Versions and settings as text, for bug reports. */
  report(): Promise<Answers<CommandDone>> {
    return this.#ask('report')
  }

  /** Their logical clocks. */
  clock(): Promise<Answers<{ readonly clock: number }>> {
    return this.#ask('clock')
  }

  /**
   * Limits that are in use, paused or held back, and what waits for them, by rule and key: those of all workers, so
   * each of them answers the same. `rule`: of this one alone; `paused`: those that are paused alone; `limit`: at most
   * so many, default 100. Celery's workers do not know it.
   */
  limits({
    rule,
    paused = false,
    limit,
  }: {
    rule?: string | undefined
    paused?: boolean | undefined
    limit?: number | undefined
  } = {}): Promise<Answers<readonly LimitInfo[]>> {
    return this.#ask('limits', { rule: rule ?? null, paused, limit: limit ?? null })
  }

  /**
   * The newest dead letters, at most `limit` (default 20), and how many there are, by queue: those of all workers, so
   * each of them answers the same. Celery's workers do not know it.
   */
  deadLetters({
    limit,
    task,
  }: {
    limit?: number | undefined
    task?: string | undefined
  } = {}): Promise<Answers<DeadLettersInfo>> {
    return this.#ask('dead_letters', { limit: limit ?? null, task: task ?? null })
  }

  /** Their memory (RSS), as `80.25MB`; null of a worker of Celery without psutil. */
  memsample(): Promise<Answers<string | null>> {
    return this.#ask('memsample')
  }

  /** What each slot executes now. Celery's workers do not know it. */
  where(): Promise<Answers<readonly RunningTask[]>> {
    return this.#ask('where')
  }

  /** Where two workers have one name, the last answer counts, as with Celery. */
  async #ask<Value>(method: string, given: Readonly<Record<string, unknown>> = {}): Promise<Answers<Value>> {
    const replies = await ask(internalsOf(this.#app), { method, arguments: given }, this.#options)
    return Object.assign({}, ...replies) as Answers<Value>
  }
}
