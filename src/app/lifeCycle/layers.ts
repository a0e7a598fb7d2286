import type { AsyncResult } from '../../calls/asyncResult.ts'
import type { Call, Prepared } from '../../calls/prepareCall.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { compose, type Middleware } from '../../std/middleware.ts'
import type { Run } from '../../tasks/runJob.ts'
import type { TaskFacts } from '../signals.ts'

type Headers = Readonly<Record<string, unknown>>

/** One message that is to be written. */
export interface PublishedCall {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly rootId: string
  readonly headers: Headers
}

/** Messages that are written to the store together. */
export interface Publication {
  /** `batch`: independent calls of one task, as of `delayMany`; `workflow`: what of a workflow runs first. */
  readonly kind: 'call' | 'batch' | 'workflow'
  readonly calls: readonly PublishedCall[]
  /** URL of the broker, without a password. */
  readonly broker: string
  /** Added to the headers of each message; a header that a message has already stays. */
  readonly headers: Headers
}

/** A message that a worker processes, from the moment at which its task may run to its settlement. */
export interface Processing extends TaskFacts {
  readonly rootId: string
  /** How long it had been due when it began, ms; undefined where its id does not say when it was made. */
  readonly waited: number | undefined
  /** Runs that ended with their workers. */
  readonly lost: number
  /** Host name of the worker. */
  readonly hostname: string
  /** URL of the broker, without a password. */
  readonly broker: string
  /**
   * Headers of the message. A layer may change them: the run gets those of `next`, and what follows from the task gets
   * the trace context in them. A repeat of the task has the headers of its message.
   */
  readonly headers: Headers
}

/**
 * Layers around what an app does. `send` and `publish` are in the caller's process, `process` is in the worker's, `run`
 * where the task runs.
 */
export interface LayerOptions {
  /** Around one call, before its message is made. */
  readonly send?: Middleware<Call, AsyncResult> | undefined
  /** Around the write of messages. Results in which of them were written: not those with a known idempotency key. */
  readonly publish?: Middleware<Publication, readonly boolean[]> | undefined
  /** Around a message in its worker. Results in how it ended; undefined where it was no longer this worker's. */
  readonly process?: Middleware<Processing, Outcome | undefined> | undefined
  /** Around the task's function. */
  readonly run?: Middleware<Run, unknown> | undefined
}

/** The layers of an app; of each kind, the first added is the outermost. */
export class Layers {
  send: readonly Middleware<Call, AsyncResult>[] = []
  publish: readonly Middleware<Publication, readonly boolean[]>[] = []
  process: readonly Middleware<Processing, Outcome | undefined>[] = []
  run: readonly Middleware<Run, unknown>[] = []

  add({ send, publish, process, run }: LayerOptions): void {
    if (send) this.send = [...this.send, send]
    if (publish) this.publish = [...this.publish, publish]
    if (process) this.process = [...this.process, process]
    if (run) this.run = [...this.run, run]
  }

  /** Write one call with `write`, through the layers. Not async, since every call passes through it. */
  writtenAlone(prepared: Prepared, broker: string, write: (ready: Prepared) => Promise<boolean>): Promise<boolean> {
    if (this.publish.length === 0) return write(prepared)
    const all = this.written('call', [prepared], broker, ([ready = prepared]) => write(ready).then((sent) => [sent]))
    return all.then(([sent]) => sent === true)
  }

  /** The same of several. */
  written(
    kind: Publication['kind'],
    prepared: readonly Prepared[],
    broker: string,
    write: (ready: readonly Prepared[]) => Promise<readonly boolean[]>,
  ): Promise<readonly boolean[]> {
    if (this.publish.length === 0 || prepared.length === 0) return write(prepared)
    const core = ({ headers }: Publication): Promise<readonly boolean[]> =>
      write(prepared.map((one) => withHeaders(one, headers)))
    return compose(this.publish, core)({ kind, calls: prepared.map(callOf), broker, headers: {} })
  }
}

function callOf({ id, queue, message: { task, rootId }, submission }: Prepared): PublishedCall {
  return { id, task, queue, rootId, headers: submission.message.envelope.headers }
}

function withHeaders(prepared: Prepared, headers: Headers): Prepared {
  const { submission } = prepared
  const { message } = submission
  const envelope = { ...message.envelope, headers: { ...headers, ...message.envelope.headers } }
  return { ...prepared, submission: { ...submission, message: { ...message, envelope } } }
}
