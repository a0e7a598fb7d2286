import { setTimeout as sleep } from 'node:timers/promises'
import { errorInfo } from '../../../protocol/exception.ts'
import type { Job } from '../../../protocol/job.ts'
import type { Outcome, StopReason } from '../../../protocol/outcome.ts'
import { Deferred } from '../../../std/deferred.ts'
import { EncodeError, leaseLost, WorkerLostError } from '../../../std/errors.ts'
import { type Logger, ONCE_FIELD } from '../../../std/log.ts'
import type { StopSignal } from '../../../std/stopSignal.ts'
import { asError } from '../../../std/thrown.ts'
import type { Completing } from '../../../tasks/jobServices.ts'
import type { BatchPart, ChildInfo, RunOptions } from '../pool.ts'
import { stopped } from '../stopped.ts'
import type { ChildHost, ChildKind } from './host.ts'
import { loadError, loadFailureOf } from './loadFailure.ts'
import type { BatchedJob, ChildData, FromChild, ToChild } from './messages.ts'
import { packJob } from './packedJob.ts'

/** How long a child may take to close its stores, ms. */
const CLOSE_TIMEOUT_MS = 1000
/** How long the end of a terminated child may take, ms: native code in a thread cannot be interrupted. */
const TERMINATE_TIMEOUT_MS = 3000

type Emitter = (emission: string | Uint8Array) => void

interface Running {
  readonly job: Job
  readonly options: RunOptions
  /** Of the job, or of each item. */
  readonly emits: readonly Emitter[]
  readonly end: (outcome: Outcome) => void
}

/**
 * One thread or process with the task module in it, seen from the pool: runs one job at a time until it dies; it is
 * never restarted.
 */
export class JobChild {
  /** The module is loaded; rejects with the module's own error when it cannot be. */
  readonly ready: Promise<void>
  /** It will run no more jobs: killed, crashed, retired or closed. Never rejects. */
  readonly gone: Promise<void>
  /** Its thread or process has ended. Never rejects. */
  readonly ended: Promise<void>
  readonly #kind: ChildKind
  readonly #host: ChildHost
  readonly #log: Logger
  readonly #said: Set<unknown>
  readonly #ready = new Deferred<void>()
  readonly #gone = new Deferred<void>()
  /** How long its hooks and resources may take, ms. */
  readonly #closing = new Deferred<number>()
  readonly #closed = new Deferred<void>()
  #leaving: Promise<void> | undefined
  readonly #ended = new Deferred<void>()
  #state: 'loading' | 'alive' | 'retired' | 'gone' = 'loading'
  #running: Running | undefined
  /** Of the job that runs, or has run last. */
  #completing: Completing | undefined
  #jobs = 0
  #memory = 0
  #error: Error | undefined

  /** `said`: what the children of its pool have logged once for all of them. */
  constructor(kind: ChildKind, data: ChildData, log: Logger, said: Set<unknown>) {
    this.ready = this.#ready.promise
    this.gone = this.#gone.promise
    this.ended = this.#ended.promise
    this.#kind = kind
    this.#log = log
    this.#said = said
    this.#host = kind.start(data, {
      message: (message) => this.#hear(message),
      uncaught: (error) => this.#fail(error),
      exit: (why) => this.#exit(why),
    })
  }

  /** Id of the job that it runs. */
  get job(): string | undefined {
    return this.#running?.job.id
  }

  /** For remote control; undefined where it could not be started. */
  get info(): ChildInfo | undefined {
    const { pid } = this.#host
    if (pid === undefined) return undefined
    const host = this.#host
    return { pid, job: this.job, stack: (limit) => host.stack(limit), profile: (time) => host.profile(time) }
  }

  get alive(): boolean {
    return this.#state === 'alive'
  }

  /** Of the process that runs its jobs; undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#host.pid
  }

  /** How many jobs it has begun. Its end after one is no reason to distrust the module. */
  get jobs(): number {
    return this.#jobs
  }

  /** Bytes that it used at the end of its last job; 0 where that is not measured. */
  get memory(): number {
    return this.#memory
  }

  /** Give it no more jobs: it is to be closed when another one has taken its slot. Only between two jobs. */
  retire(): void {
    if (this.#state !== 'alive') return
    this.#state = 'retired'
    this.#gone.resolve()
  }

  /** Run one job to its end. Only while alive and without another job; never rejects. */
  run(job: Job, options: RunOptions): Promise<Outcome> {
    return new Promise((resolve) => {
      const { kill, batch } = options
      const stops = [() => kill.removeEventListener('abort', terminate)]
      const terminate = (): void => void this.#kill(kill.reason)
      const end = (outcome: Outcome): void => {
        for (const stop of stops) stop()
        this.#running = undefined
        resolve(outcome)
      }
      this.#jobs++
      this.#completing = undefined
      const emits = batch?.parts.map((part, item) => this.#emitter(part.job, part.options, item)) ?? [
        this.#emitter(job, options),
      ]
      this.#running = { job, options, emits, end }
      try {
        this.#host.send(runMessage(job, options))
      } catch (error) {
        end({
          kind: 'failure',
          error: errorInfo(new EncodeError(`arguments: cannot be sent to a ${this.#kind.noun}: ${String(error)}`)),
        })
        return
      }
      stops.push(this.#forward(options.signal))
      for (const [item, part] of batch?.parts.entries() ?? []) stops.push(this.#forward(part.options.signal, item))
      kill.addEventListener('abort', terminate)
    })
  }

  /** Of the job, or of one item: pass its abort on to the child. The returned function ends that. */
  #forward(signal: StopSignal, item?: number): () => void {
    const abort = (): void => this.#host.send({ type: 'abort', reason: signal.reason, item })
    signal.addEventListener('abort', abort)
    return () => signal.removeEventListener('abort', abort)
  }

  /**
   * Passes on the emissions of a job, and reports to the child how many were stored, in one message for all of one
   * moment.
   */
  #emitter({ id }: Job, { emit }: Pick<RunOptions, 'emit'>, item?: number): Emitter {
    let count = 0
    const tell = (): void => {
      if (this.alive) this.#host.send({ type: 'taken', id, count, item })
      count = 0
    }
    return (emission) =>
      emit?.(emission, () => {
        if (++count === 1) queueMicrotask(tell)
      })
  }

  /** End it: at once if it runs a job (`stopped` by shutdown) or is loading, else after its stores are closed. */
  async close(): Promise<void> {
    if (this.#running) return this.#kill('shutdown')
    this.#leaving ??= this.#close()
    await this.#leaving
  }

  async #close(): Promise<void> {
    if (this.#state === 'alive' || this.#state === 'retired') {
      this.#leave()
      this.#host.send({ type: 'close' })
      await this.#waitForClose()
    }
    this.#leave()
    await this.#terminate()
  }

  async #waitForClose(): Promise<void> {
    const wait = <Late>(ms: number, late: Late): Promise<Late> => sleep(ms, late, { ref: false })
    const limit = (await Promise.race([this.#closing.promise, wait(CLOSE_TIMEOUT_MS, 0)])) + CLOSE_TIMEOUT_MS
    if (await Promise.race([this.#closed.promise.then(() => true), wait(limit, false)])) return
    this.#log.warn({}, `a ${this.#kind.noun} did not close within ${limit} ms: it is ended by force`)
  }

  #hear(message: FromChild): void {
    switch (message.type) {
      case 'ready':
        if (this.#state === 'loading') this.#state = 'alive'
        this.#ready.resolve()
        break
      case 'failed':
        this.#ready.reject(loadError(message.error))
        break
      case 'report':
        this.#optionsOf(message.item)?.report(message.report)
        break
      case 'event':
        this.#optionsOf(message.item)?.sendEvent?.(message.event, message.fields)
        break
      case 'emit':
        this.#running?.emits[message.item ?? 0]?.(message.emission)
        break
      case 'complete':
        void this.#complete(message)
        break
      case 'completed':
        this.#completing?.written(message.chords)
        break
      case 'incomplete':
        this.#completing?.failed(message.isLost)
        break
      case 'done':
        this.#memory = message.memory ?? 0
        this.#running?.end(message.outcome)
        break
      case 'allDone':
        this.#memory = message.memory ?? 0
        this.#endAll(message.outcomes)
        break
      case 'log':
        this.#write(message)
        break
      case 'uncaught':
        this.#fail(message.error)
        break
      case 'closing':
        this.#closing.resolve(message.limit)
        break
      case 'closed':
        this.#closed.resolve()
        break
    }
  }

  /** The end of its job is written there, in a transaction that is open in the child. */
  async #complete({ result, children }: Extract<FromChild, { type: 'complete' }>): Promise<void> {
    try {
      this.#completing = await this.#running?.options.completing?.()
      if (!this.#completing) throw leaseLost()
      this.#host.send({ type: 'completion', completion: await this.#completing.prepare(result, children) })
    } catch (error) {
      this.#host.send({ type: 'completion', completion: loadFailureOf(error) })
    }
  }

  /** Where the job reports, or one item. */
  #optionsOf(item: number | undefined): BatchPart['options'] | undefined {
    const options = this.#running?.options
    return item === undefined ? options : options?.batch?.parts[item]?.options
  }

  #endAll(outcomes: readonly Outcome[]): void {
    const running = this.#running
    for (const [at, outcome] of outcomes.entries()) running?.options.batch?.parts[at]?.ended(outcome)
    running?.end({ kind: 'success', result: null })
  }

  /** A line that each child has its own reason for is written once for the pool. */
  #write({ level, fields, message }: Extract<FromChild, { type: 'log' }>): void {
    const { [ONCE_FIELD]: about } = fields as { readonly [ONCE_FIELD]?: unknown }
    if (about !== undefined) {
      if (this.#said.has(about)) return
      this.#said.add(about)
    }
    this.#log[level](fields, message)
  }

  /** An uncaught error ends a child: Node's default, and right, since its state is unknown. */
  #fail(error: unknown): void {
    this.#error = asError(error)
    const { id, task } = this.#running?.job ?? {}
    this.#log.error({ err: this.#error, id, task }, `a ${this.#kind.noun} died of an uncaught error`)
  }

  #exit(end: string): void {
    const { noun } = this.#kind
    const why = this.#error ? `${this.#error.name}: ${this.#error.message}` : end
    const lost = new WorkerLostError(`the ${noun} ended by itself: ${why}`)
    const running = this.#running
    if (this.alive && !running && !this.#error) this.#log.error({}, `an idle ${noun} ended by itself: ${end}`)
    this.#leave()
    this.#ready.reject(this.#error ?? lost)
    this.#closing.resolve(0)
    this.#closed.resolve()
    this.#ended.resolve()
    running?.end(stopped(running.job.id, 'crash', lost))
  }

  /** Also stops a loop that never ends. Later messages of the job are ignored. */
  async #kill(by: StopReason): Promise<void> {
    const running = this.#running
    if (!running) return
    this.#running = undefined
    this.#leave()
    await this.#terminate()
    running.end(stopped(running.job.id, by))
  }

  async #terminate(): Promise<void> {
    const dead = this.#host.terminate().then(() => true)
    if (await Promise.race([dead, sleep(TERMINATE_TIMEOUT_MS, false, { ref: false })])) return
    this.#host.unref()
    this.#log.warn(
      {},
      `a terminated ${this.#kind.noun} has not ended within ${TERMINATE_TIMEOUT_MS} ms: it is in native code, and ends after it`,
    )
  }

  #leave(): void {
    this.#state = 'gone'
    this.#gone.resolve()
  }
}

function runMessage(job: Job, options: RunOptions): ToChild {
  const batch = options.batch?.parts.map((part) => ({ job: packJob(part.job), ...startOf(part.options) }))
  return { type: 'run', job: batch?.[0]?.job ?? packJob(job), ...startOf(options), batch }
}

function startOf({ signal, emit }: Pick<RunOptions, 'signal' | 'emit'>): Pick<BatchedJob, 'abort' | 'emits'> {
  return { abort: signal.aborted ? signal.reason : undefined, emits: emit !== undefined }
}
