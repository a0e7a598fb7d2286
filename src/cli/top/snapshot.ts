import type { QueueSizes } from '../../app/knownQueues.ts'
import type { Blocked } from '../fleet/blocked.ts'
import type { Rates } from './eventRates.ts'

/**
 * `online`: it answers. `silent`: its heartbeats come, but no answer: a task may block it. `lost`: neither comes any
 * more. `offline`: it said that it stops. `quiet`: as online, and this program has asked it to take no more tasks.
 */
export type WorkerState = 'online' | 'quiet' | 'silent' | 'lost' | 'offline'

export interface TopWorker {
  readonly name: string
  readonly state: WorkerState
  readonly pool: string | undefined
  readonly slots: number | undefined
  readonly active: number | undefined
  readonly processed: number | undefined
  /** Of its machine, over one minute. */
  readonly load: number | undefined
}

export interface TopTask {
  readonly id: string
  readonly name: string
  readonly worker: string
  /** Since it began. */
  readonly seconds: number
}

export interface TopFailure {
  readonly id: string
  readonly name: string
  readonly worker: string
  readonly exception: string
  /** ms since the epoch, by the clock of its worker. */
  readonly at: number
}

/** What is known of a fleet at one moment. */
export interface Snapshot {
  /** ms since the epoch */
  readonly at: number
  readonly broker: string
  /** Why the store does not answer. */
  readonly problem: string | undefined
  /** False until the workers were asked once. */
  readonly asked: boolean
  readonly workers: readonly TopWorker[]
  readonly queues: QueueSizes
  /** What is paused, and breakers that are not closed; undefined where the store keeps no limits. */
  readonly blocked: Blocked | undefined
  /** Undefined while no worker has sent an event of a task. */
  readonly rates: Rates | undefined
  /** The one that runs for the longest time first. */
  readonly running: readonly TopTask[]
  /** The newest first. */
  readonly failures: readonly TopFailure[]
}
