import type { Stores } from '../../calls/stores.ts'
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
  /** As `RunOptions.lend`. */
  lend(): (() => void) | undefined
}
