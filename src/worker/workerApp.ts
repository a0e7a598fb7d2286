import type { Ended } from '../app/afterTask.ts'
import type { Hooks } from '../app/lifeCycle/hooks.ts'
import type { Layers } from '../app/lifeCycle/layers.ts'
import type { Limits } from '../app/limits/limits.ts'
import type { Signals } from '../app/signals.ts'
import type { DeadLetters } from '../calls/dead/deadLetters.ts'
import type { Extension } from '../calls/extension.ts'
import type { LimitRules } from '../calls/limits/limitRules.ts'
import type { Stores } from '../calls/stores.ts'
import type { AnyTask } from '../calls/task.ts'
import type { Config } from '../config/config.ts'
import type { Job } from '../protocol/job.ts'
import type { LogicalClock } from '../protocol/logicalClock.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Emitter } from '../std/emitter.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { JobHost } from '../tasks/jobContext.ts'
import type { Resources } from '../tasks/resources.ts'

/** What a worker needs of its app: the internals of every app have it. */
export interface WorkerApp {
  readonly config: Config
  readonly tasks: ReadonlyMap<string, AnyTask>
  readonly signals: Emitter<Signals>
  /** Of this process: remote control and events send it and adjust it. */
  readonly logicalClock: LogicalClock
  /** What follows from the end of a task, beside its links. */
  readonly extensions: readonly Extension[]
  /** The limits of its tasks and queues, and those that tasks share. */
  readonly limitRules: LimitRules
  /** What is paused and held back in its store: for remote control. */
  readonly limits: Limits
  /** What its workers have given up: for remote control. */
  readonly deadLetters: DeadLetters
  /** What its tasks share, in this thread. */
  readonly resources: Resources
  /** What runs at the start and the end of its workers and of their threads and processes. */
  readonly hooks: Hooks
  /** What is put around each message that it processes. */
  readonly layers: Pick<Layers, 'process'>
  /** The stores, opened at the first call. */
  stores(): Promise<Stores>
  /** Run one job to its end, in this thread. Never rejects. */
  runJob(job: Job, host: JobHost): Promise<Outcome>
  /** A task of the app, or one that is built in; undefined where there is none of this name. */
  definition(task: string): TaskDefinition | undefined
  /** A task has ended and its end is stored: run the hooks. Never rejects; undefined where there are none. */
  taskEnded(ended: Ended): Promise<void> | undefined
}
