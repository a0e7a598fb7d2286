import type { Stores } from '../../calls/stores.ts'
import type { TaskLimits } from '../limits/taskLimits.ts'
import type { TaskPools } from '../pool/taskPools.ts'
import type { WorkerState } from '../state.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Receiver } from './admit.ts'
import type { SettlerParts } from './settler.ts'
import type { TimeLimits } from './timeLimits.ts'
import type { Turns } from './turns.ts'

/** What the execution of a task needs of its worker. */
export interface WorkerContext extends Receiver, SettlerParts {
  readonly app: WorkerApp
  readonly stores: Stores
  readonly pools: Pick<TaskPools, 'main'>
  readonly turns: Turns
  readonly timeLimits: TimeLimits
  readonly state: WorkerState
  /** Of a worker some of whose tasks or queues have limits in the store, or are paused; else undefined. */
  limits: TaskLimits | undefined
  /** As `RunOptions.lend`. */
  lend(): (() => void) | undefined
}
