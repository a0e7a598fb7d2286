import type { Duration } from '../std/duration.ts'
import type { OptionTable } from '../std/optionTable.ts'

/** How much a receiver of events keeps. */
export interface ReceiverOptions {
  // <RECEIVER_OPTIONS> written by `npm run docs:api` from the table below
  /** Tasks that it keeps; that without an event for the longest time goes first. Default `10000`. */
  maxTasks?: number | undefined
  /** The same for workers. Default `5000`. */
  maxWorkers?: number | undefined
  /** A task without an event for this long is forgotten. Default `'1d'`. */
  maxAge?: Duration | undefined
  /** Ask all workers for a heartbeat when it starts, so that it knows at once which are there. Default `true`. */
  wakeUp?: boolean | undefined
  // </RECEIVER_OPTIONS>
}

/** Parsed: times in ms. */
export interface ParsedReceiverOptions {
  readonly maxTasks: number
  readonly maxWorkers: number
  readonly maxAge: number
  readonly wakeUp: boolean
}

export const RECEIVER_OPTIONS: OptionTable<ReceiverOptions, ParsedReceiverOptions> = {
  maxTasks: {
    kind: 'count',
    min: 1,
    max: 10_000_000,
    default: 10_000,
    doc: 'tasks that it keeps; that without an event for the longest time goes first',
    celery: 'max_tasks_in_memory',
  },
  maxWorkers: {
    kind: 'count',
    min: 1,
    max: 1_000_000,
    default: 5000,
    doc: 'the same for workers',
    celery: 'max_workers_in_memory',
  },
  maxAge: {
    kind: 'duration',
    default: '1d',
    doc: 'a task without an event for this long is forgotten',
  },
  wakeUp: {
    kind: 'flag',
    default: true,
    doc: 'ask all workers for a heartbeat when it starts, so that it knows at once which are there',
    celery: 'wakeup',
  },
}
