import type { TaskPool } from '../../config/taskValues.ts'
import { ConfigError } from '../../std/errors.ts'
import type { Service } from '../../std/service.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { WorkerApp } from '../workerApp.ts'
import { openPool, openTaskPool, type PoolOptions } from './open.ts'
import type { Pool } from './pool.ts'

type PoolApp = Pick<WorkerApp, 'config' | 'runJob' | 'tasks' | 'hooks'>

/**
 * The pools of one worker: its own, and beside it one of each kind that its tasks ask for (`pool` of a task), which is
 * made at the first request for it. `start` opens the worker's own alone: the others are started by `ready`.
 */
export class TaskPools implements Service {
  /** The worker's own. */
  readonly main: Pool
  readonly #app: PoolApp
  readonly #options: PoolOptions
  readonly #others = new Map<TaskPool, Pool>()

  /** Throws ConfigError, as `openPool`. */
  constructor(app: PoolApp, options: PoolOptions) {
    this.main = openPool(app, options)
    this.#app = app
    this.#options = options
  }

  /** The worker's own, and those beside it. */
  get all(): readonly Pool[] {
    return [this.main, ...this.#others.values()]
  }

  /**
   * The kinds beside the worker's own that its tasks ask for: those that go to one of `queues` by default, and for
   * which it has a module where one is needed.
   */
  wanted(queues: readonly string[]): ReadonlySet<TaskPool> {
    return new Set([...this.#asked(queues)].flatMap(([, kind]) => (this.#opens(kind) ? kind : [])))
  }

  /**
   * Throws ConfigError where a task of these queues needs a module to load and the worker has none. On `memory:`, which
   * children cannot share, all tasks run in the worker's own pool then.
   */
  requireModule(queues: readonly string[]): void {
    const missing = [...this.#asked(queues)].find(([, kind]) => !this.#opens(kind))
    if (missing === undefined || this.#app.config.broker.scheme === 'memory') return
    const [task, kind] = missing
    throw new ConfigError(
      `task ${task}: pool ${kind} needs the option module of the worker, the path or file URL of the task module, got none`,
    )
  }

  /** The pool of this kind; the worker's own where the kind is undefined or cannot be opened for want of a module. */
  of(kind: TaskPool | undefined): Pool {
    return kind !== undefined && this.#isOther(kind) && this.#opens(kind) ? this.#open(kind) : this.main
  }

  /** A pool in which a task is alone in a process; undefined where the worker has none, and no module to load. */
  get alone(): Pool | undefined {
    if (this.main.kind === 'processes') return this.main
    return this.#opens('processes') ? this.#open('processes') : undefined
  }

  start(): Promise<void> {
    return this.main.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((pool) => pool.stop()))
  }

  #open(kind: TaskPool): Pool {
    let pool = this.#others.get(kind)
    if (!pool) {
      pool = openTaskPool(this.#app, kind, this.#options)
      this.#others.set(kind, pool)
    }
    return pool
  }

  /** Tasks of these queues, with the pools beside the worker's own that they ask for. */
  *#asked(queues: readonly string[]): Iterable<[task: string, kind: TaskPool]> {
    for (const { name, options } of tasksOf(this.#app, queues))
      if (options.pool !== undefined && this.#isOther(options.pool)) yield [name, options.pool]
  }

  /** In the pool `solo` one task runs at a time, whatever it asks for. */
  #isOther(kind: TaskPool): boolean {
    return this.main.kind !== 'solo' && this.main.kind !== kind
  }

  #opens(kind: TaskPool): boolean {
    return kind === 'inline' || this.#options.module !== undefined
  }
}

/** The tasks that go to one of these queues by default. */
export function* tasksOf(
  { config, tasks }: Pick<WorkerApp, 'config' | 'tasks'>,
  queues: readonly string[],
): Iterable<TaskDefinition> {
  for (const [name, { definition }] of tasks) {
    const { queue = config.route?.(name)?.queue ?? config.queue } = definition.options
    if (queues.includes(queue)) yield definition
  }
}
