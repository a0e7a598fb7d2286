import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { DeadLetters } from '../calls/dead/deadLetters.ts'
import type { Extension } from '../calls/extension.ts'
import type { LimitRules } from '../calls/limits/limitRules.ts'
import type { RevokedTree, SentListener, Stores } from '../calls/stores.ts'
import type { AnyTask } from '../calls/task.ts'
import type { Config } from '../config/config.ts'
import type { Job } from '../protocol/job.ts'
import type { LogicalClock } from '../protocol/logicalClock.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Emitter } from '../std/emitter.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { JobHost } from '../tasks/jobContext.ts'
import type { Resources } from '../tasks/resources.ts'
import type { Ended } from './afterTask.ts'
import type { Hooks } from './lifeCycle/hooks.ts'
import type { Layers } from './lifeCycle/layers.ts'
import type { Limits } from './limits/limits.ts'
import type { Override } from './override.ts'
import type { Signals } from './signals.ts'
import type { ForgetListener } from './storeAccess.ts'

/** The members of an app that `AppInternals` repeats. */
interface AppFacts {
  readonly config: Config
  readonly tasks: ReadonlyMap<string, AnyTask>
  readonly signals: Emitter<Signals>
  readonly extensions: readonly Extension[]
  readonly limits: Limits
  readonly deadLetters: DeadLetters
}

/** What only an app itself can do, and its users do not need. */
interface AppActions {
  /** Of this process: events and remote control send it and adjust it. */
  readonly logicalClock: LogicalClock
  /** The limits of its tasks and queues, and those that tasks share. */
  readonly limitRules: LimitRules
  /** What its tasks share, in this thread. */
  readonly resources: Resources
  /** What runs at the start and the end of its workers and of their threads and processes. */
  readonly hooks: Hooks
  /** Layers around what it sends, processes and runs. */
  readonly layers: Layers
  /** The stores, opened at the first call. Rejects with ConfigError, StoreUnavailableError. */
  stores(): Promise<Stores>
  /**
   * Run a function whose calls are sent through another unit of work: what `app.within` does with that of a
   * transaction. `expect` gets the ids of jobs that another process submits later: here they are not unknown. In an app
   * under test and with `alwaysEager` it only runs the function.
   */
  sendThrough<Result>(
    unitOfWork: (stores: Stores, expect: (id: string) => void) => UnitOfWork,
    run: () => Promise<Result>,
  ): Promise<Result>
  /** Revoke a workflow by the id of its result. Returns how many of its tasks had not ended. */
  revokeTree(id: string, how: RevokedTree): Promise<number>
  /** Run one job to its end, in this thread: what pools call. Never rejects. */
  runJob(job: Job, host: JobHost): Promise<Outcome>
  /** One listener, which is set before the first call. */
  onSent(listener: SentListener): void
  /** Gets what `forgetJobs` has removed. */
  onForget(listener: ForgetListener): void
  /** Run this when the app is closed, before its stores are. */
  onClose(close: () => Promise<void>): void
  /** A task of the app, or one that is built in; undefined where there is none of this name. */
  definition(task: string): TaskDefinition | undefined
  /** Run the hooks of `afterTask`: what workers call. Never rejects; undefined where there are none. */
  taskEnded(ended: Ended): Promise<void> | undefined
  /**
   * Use other stores and settings; the returned function closes these stores and brings back what was there. Throws
   * ConfigError once the stores of the app are in use.
   */
  override(override: Override): () => Promise<void>
}

/**
 * An app as worker, beat and remote control see it. Not for `http/` and `cli/`: these use what any application can use.
 */
export interface AppInternals extends AppFacts, AppActions {}

/** A property and not a WeakMap: an app may be of another copy of this package. */
const INTERNALS: symbol = Symbol.for('celeriac.internals')

/** The internals of an app. */
export function internalsOf(app: AppFacts): AppInternals {
  return (app as unknown as Record<symbol, AppInternals>)[INTERNALS] as AppInternals
}

/** Called once, by the app. */
export function defineInternals(app: AppFacts, actions: AppActions): void {
  const { tasks, signals, extensions } = app
  const value: AppInternals = {
    ...actions,
    tasks,
    signals,
    extensions,
    // Other objects after `configure`.
    get config() {
      return app.config
    },
    get limits() {
      return app.limits
    },
    get deadLetters() {
      return app.deadLetters
    },
  }
  Object.defineProperty(app, INTERNALS, { value })
}
