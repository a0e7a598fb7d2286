import { errorInfo } from '../../../protocol/exception.ts'
import type { Job } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import { Deferred } from '../../../std/deferred.ts'
import { WorkerLostError } from '../../../std/errors.ts'
import { Stop } from '../../../std/stopSignal.ts'
import type { BatchPart, BatchRun, Pool, RunOptions } from '../../pool/pool.ts'
import { stopped } from '../../pool/stopped.ts'
import { runParts } from '../../pool/together.ts'

/** One item of a batch, seen as the pool in which its request runs its job. */
export interface Seat extends Pick<Pool, 'run'> {
  /** It does not run, or has ended. */
  leave(): void
}

/**
 * Requests that one run takes together, from the first that waits to the end of the run. Each has a seat: when every
 * request has begun its run there, or left, all of them run as one job of their pool.
 */
export class Batch {
  /** Resolves when it begins: false when the worker stops before. Rejects when its pool cannot be opened. */
  readonly begun: Deferred<boolean> = new Deferred()
  /** Resolves when its run has ended, with its runtime, ms; undefined where all have left before. Never rejects. */
  readonly ended: Deferred<number | undefined> = new Deferred()
  readonly #pool: Pool
  readonly #parts: Part[] = []
  #size = 0
  /** How many have neither begun their runs nor left; only known once it has begun. */
  #missing = 0
  readonly #abort = new Stop()
  readonly #kill = new Stop()

  constructor(pool: Pool) {
    this.#pool = pool
  }

  get size(): number {
    return this.#size
  }

  add(): Seat {
    this.#size++
    this.#missing++
    let isTaken = true
    const leave = (): void => {
      if (!isTaken) return
      isTaken = false
      this.#arrived()
    }
    const run = (job: Job, options: RunOptions): Promise<Outcome> => {
      const outcome = this.#add(job, options)
      leave()
      return outcome
    }
    return { run, leave }
  }

  #add(job: Job, options: RunOptions): Promise<Outcome> {
    const part = new Part(job, options)
    const { signal, kill } = options
    onAbort(signal, () => this.#stop(part.stop, this.#abort, signal.reason, ({ stop }) => stop.aborted))
    onAbort(kill, () => {
      if (kill.reason === 'revoke') part.ended(stopped(job.id, 'revoke'))
      this.#stop(part.stop, this.#kill, kill.reason, ({ isOver }) => isOver)
    })
    this.#parts.push(part)
    return part.outcome
  }

  /**
   * A revoke is of one item: the others run on, and the whole is stopped when it is of every item. All else is of the
   * whole.
   */
  #stop(own: Stop, whole: Stop, reason: unknown, has: (part: Part) => boolean): void {
    if (reason === 'revoke') own.abort(reason)
    if (reason !== 'revoke' || (this.#missing === 0 && this.#parts.every(has))) whole.abort(reason)
  }

  #arrived(): void {
    this.#missing--
    if (this.#missing > 0) return
    const parts = this.#parts.filter(({ isOver }) => !isOver)
    const [first] = parts
    if (first) void this.#run(first.job, parts)
    else this.ended.resolve(undefined)
  }

  async #run(job: Job, parts: readonly Part[]): Promise<void> {
    const began = performance.now()
    const batch: BatchRun = { parts, runHere: (app, whole) => runParts(app, parts, whole) }
    const options = { signal: this.#abort, kill: this.#kill, report: () => undefined, batch }
    const whole = await this.#pool.run(job, options)
    this.ended.resolve(performance.now() - began)
    for (const part of parts) if (!part.isOver) part.ended(whole.kind === 'success' ? withoutEnd() : whole)
  }
}

/** One job of the run. */
class Part implements BatchPart {
  readonly job: Job
  readonly stop: Stop = new Stop()
  readonly options: BatchPart['options']
  readonly #outcome = new Deferred<Outcome>()
  #isOver = false

  constructor(job: Job, options: RunOptions) {
    this.job = job
    const { report, sendEvent, emit } = options
    // What has ended alone may go on with the others.
    this.options = {
      signal: this.stop,
      report: (said) => {
        if (!this.#isOver) report(said)
      },
      sendEvent: (type, fields) => {
        if (!this.#isOver) sendEvent?.(type, fields)
      },
      emit: emit && ((emission, taken) => (this.#isOver ? taken() : emit(emission, taken))),
    }
  }

  get outcome(): Promise<Outcome> {
    return this.#outcome.promise
  }

  get isOver(): boolean {
    return this.#isOver
  }

  ended(outcome: Outcome): void {
    this.#isOver = true
    this.#outcome.resolve(outcome)
  }
}

function onAbort(signal: RunOptions['signal'], action: () => void): void {
  if (signal.aborted) action()
  else signal.addEventListener('abort', action, { once: true })
}

function withoutEnd(): Outcome {
  const error = new WorkerLostError('the run of the batch ended without an end of this item')
  return { kind: 'failure', error: errorInfo(error) }
}
