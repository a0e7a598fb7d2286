import type { Queue } from '../../broker/broker.ts'
import type { QueueOptions } from '../../broker/queueOptions.ts'
import type { ControlAllowed } from '../../protocol/controlCommands.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import type { TaskEvents } from '../events.ts'
import type { WorkerHealth } from '../health.ts'
import type { Pool } from '../pool/pool.ts'
import type { AutoscaleState } from '../scale/poolSize.ts'
import type { WorkerState } from '../state.ts'
import type { TimeLimits } from '../task/timeLimits.ts'
import type { Turns } from '../task/turns.ts'
import type { WorkerApp } from '../workerApp.ts'

/** The worker itself. */
export interface ControlledWorker {
  readonly hostname: string
  readonly queues: readonly string[]
  readonly health: WorkerHealth
  readonly pool: Pool
  readonly pools: readonly Pool[]
  readonly taskEvents: TaskEvents
  readonly autoscale: AutoscaleState | undefined
  setAutoscale(max?: number, min?: number): AutoscaleState
  grow(count: number): number
  shrink(count: number): number
  addQueue(queue: string, options?: QueueOptions): Promise<void>
  cancelQueue(queue: string): Promise<void>
  quiet(): Promise<void>
  resume(): Promise<void>
  stop(options: { readonly reason: string }): Promise<void>
}

/** The queues of a worker that takes tasks. */
export interface TakenQueues {
  /** As it takes from it by this name; undefined where it never did. */
  named(name: string): Queue | undefined
  isPaused(name: string): boolean
}

/** The worker, as remote control sees it. */
export interface Controlled {
  readonly worker: ControlledWorker
  readonly app: WorkerApp
  /** Commands that are obeyed. */
  readonly allowed: ControlAllowed
  readonly state: WorkerState
  /** Undefined before it takes tasks. */
  turns(): Turns | undefined
  /** Those of the worker. */
  readonly timeLimits: TimeLimits
  /** Where CPU profiles are written. Default: the temporary folder of the system. */
  readonly profileFolder: string | undefined
  /** How long a running task that is revoked with `terminate` may take to stop by itself, ms. */
  readonly revokeGrace: number
  /** What it takes; undefined before it takes tasks. */
  intake(): TakenQueues | undefined
  /** Take a postponed task out of its queue, to its end. */
  retract(id: string): void
}

/** What a command is given. */
export interface CommandContext extends Controlled {
  /** Aborts when the worker listens no more. */
  readonly stopping: StopSignal
  /** When the worker began to listen, ms since the epoch. */
  readonly since: number
  /** Ask these to stop, and with `terminate` end them by force after a while. Returns the ids of those that run. */
  revoke(ids: readonly string[], terminate: boolean): readonly string[]
}

/** Arguments of a command, as they were sent: not checked. */
export type Arguments = Readonly<Record<string, unknown>>

/** What a command does, and what it answers; undefined: no answer. Throws what becomes an error for the asker. */
export type Command = (given: Arguments, context: CommandContext) => unknown
