import type { Properties } from './envelope.ts'
import type { TaskMessage } from './message.ts'

/** One task call as it is run: plain data, so that it crosses threads. */
export interface Job {
  readonly id: string
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** How often it was retried before: 0 at the first attempt. */
  readonly retries: number
  /** How many of its runs ended with their workers, as far as its store counts them. */
  readonly lost: number
  readonly queue: string
  readonly redelivered: boolean
  /** Custom headers of the message, those of the caller and ours. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly parentId: string | undefined
  readonly rootId: string
  /** Host name of the worker. */
  readonly hostname: string
  /** The message, as it was read; absent in a direct call. */
  readonly message?: TaskMessage
  readonly properties?: Properties
  /** By which the message came, where that is not its queue alone. */
  readonly route?: Pick<DeliveryInfo, 'exchange' | 'routingKey'> | undefined
  /** Run in its caller's process. */
  readonly eager?: boolean
}

/** How a message came to its worker. */
export interface DeliveryInfo {
  /** `''` is direct to the queue that the routing key names. */
  readonly exchange: string
  readonly routingKey: string
  readonly priority: number | undefined
  /** It was held before by a worker that did not finish it. */
  readonly redelivered: boolean
}

/** Word from a running task: a state of its own (`PROGRESS` for progress) and what goes with it. */
export interface Report {
  readonly state: string
  readonly meta: unknown
  /** Until when it may stay in this state, ms since the epoch; undefined where that is not known. */
  readonly until?: number
}

/** Why a task is asked to stop. Crosses threads as it is; becomes the error that `ctx.signal` aborts with. */
export type AbortReason = 'soft time limit' | 'revoke' | 'shutdown' | 'lease lost'

/** What a job needs beside its message. */
export type JobFacts = Pick<Job, 'queue' | 'redelivered' | 'lost' | 'hostname' | 'route' | 'eager'>

/** The job of a message, as if a worker had got it. */
export function jobOf(message: TaskMessage, properties: Properties, facts: JobFacts): Job {
  return {
    id: message.id,
    task: message.task,
    args: message.args,
    kwargs: message.kwargs,
    retries: message.retries,
    headers: message.headers,
    parentId: message.parentId,
    rootId: message.rootId,
    message,
    properties,
    ...facts,
  }
}
