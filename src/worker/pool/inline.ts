import { errorInfo } from '../../protocol/exception.ts'
import type { Job, Report } from '../../protocol/job.ts'
import type { Outcome, StopReason } from '../../protocol/outcome.ts'
import { ArgumentError } from '../../std/errors.ts'
import type { Logger } from '../../std/log.ts'
import { Lifecycle, type ServiceRun } from '../../std/service.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import { shown } from '../../std/validate.ts'
import type { JobHost } from '../../tasks/jobContext.ts'
import type { Emit } from '../../tasks/outputBuffer.ts'
import { requireSize } from '../poolOptions.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Pool, RunOptions } from './pool.ts'
import { stopped } from './stopped.ts'

/** As of the option `concurrency` on the command line. */
const MAX_SIZE = 100_000

type InlineApp = Pick<WorkerApp, 'config' | 'runJob' | 'hooks'>

/**
 * Runs jobs in this thread, beside each other as far as they wait. Nothing can end a function by force here: a killed
 * job is abandoned. Its slot is free and its outcome settled, but what it still does goes on unobserved until its
 * end.
 */
export class InlinePool implements Pool {
  readonly kind: 'inline' | 'solo'
  readonly pids: readonly number[] = [process.pid]
  /** Called when `size` has changed. */
  onSize: () => void = () => undefined
  #size: number
  readonly #app: InlineApp
  /**
   * Each run knows its place in it: taking one out of the middle costs no search, and a set of functions three times as
   * much.
   */
  readonly #running: InlineRun[] = []
  /** Starts of jobs that found no place, first come first served. */
  readonly #line = new Set<() => void>()
  readonly #lifecycle = new Lifecycle((run) => this.#start(run))
  #isRunning = false
  /** How many running jobs wait for others, and leave their slots to them. */
  #lent = 0

  /** `solo` is a pool of size 1. */
  constructor(app: InlineApp, size: number, kind: 'inline' | 'solo' = 'inline') {
    this.kind = kind
    this.#size = kind === 'solo' ? 1 : size
    this.#app = app
  }

  get size(): number {
    return this.#size
  }

  get target(): number {
    return this.#size
  }

  get busy(): number {
    return this.#running.length
  }

  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  async #start(run: ServiceRun): Promise<void> {
    const { hooks, config } = this.#app
    const child = { pool: this.kind }
    await hooks.childInit.run(child, run.stopping)
    run.defer(() => hooks.childShutdown.runAll(child, config.logger))
    this.#isRunning = !run.stopping.aborted
  }

  run(job: Job, options: RunOptions): Promise<Outcome> {
    const { kill } = options
    if (!this.#isRunning) return Promise.resolve(stopped(job.id, 'shutdown'))
    if (kill.aborted) return Promise.resolve(stopped(job.id, kill.reason))
    if (this.#free <= 0) return this.#wait(job, options)
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        this.#remove(run)
        resolve(outcome)
      }
      const run = new InlineRun(job.id, options, this.#app.config.logger, settle, this.#lend)
      run.place = this.#running.push(run) - 1
      const { batch } = options
      void (batch ? batch.runHere(this.#app, run) : this.#app.runJob(job, run)).then(
        (outcome) => run.end(outcome),
        // A defect: it would keep its slot for ever.
        (error) => run.end({ kind: 'failure', error: errorInfo(error) }),
      )
    })
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    for (const begin of [...this.#line]) begin()
    for (const run of [...this.#running]) run.stop('shutdown')
    await this.#lifecycle.stop()
  }

  resize(size: number): void {
    if (this.kind === 'solo')
      throw new ArgumentError(`pool solo: it runs one task at a time and has no other size, got ${shown(size)}`)
    requireSize(this.kind, size, MAX_SIZE)
    if (size === this.#size) return
    this.#size = size
    for (let slots = this.#free; slots > 0; slots--) this.#beginNext()
    this.onSize()
  }

  /** How many more jobs may begin; below 0 where more run than may since it has shrunk. */
  get #free(): number {
    return this.#size - this.#running.length + this.#lent
  }

  #wait(job: Job, options: RunOptions): Promise<Outcome> {
    return new Promise((resolve) => {
      const begin = (): void => {
        this.#line.delete(begin)
        options.kill.removeEventListener('abort', begin)
        resolve(this.run(job, options))
      }
      this.#line.add(begin)
      options.kill.addEventListener('abort', begin)
    })
  }

  /** One more may run, until the returned function is called. */
  readonly #lend = ({ lend }: RunOptions): (() => void) | undefined => {
    // A solo pool promises one at a time.
    const end = this.kind === 'inline' ? lend?.() : undefined
    if (!end) return undefined
    this.#lent++
    this.#beginNext()
    return () => {
      this.#lent--
      end()
    }
  }

  #remove(run: InlineRun): void {
    const last = this.#running.pop()
    if (last && last !== run) {
      last.place = run.place
      this.#running[run.place] = last
    }
    this.#beginNext()
  }

  #beginNext(): void {
    if (this.#free <= 0) return
    const [begin] = this.#line
    begin?.()
  }
}

/** One job that runs, as its host: one small object, since this is the hottest path of a worker. */
class InlineRun implements JobHost {
  readonly signal: StopSignal
  readonly log: Logger
  /** Where it stands among those that run. */
  place = 0
  readonly #id: string
  readonly #options: RunOptions
  readonly #settle: (outcome: Outcome) => void
  readonly #lending: (options: RunOptions) => (() => void) | undefined
  /** In how many places it waits for other tasks, and what ends the loan of its slot. */
  #waits = 0
  #takeBack: (() => void) | undefined
  readonly #abandon = (): void => this.stop(this.#options.kill.reason)
  #ended = false

  constructor(
    id: string,
    options: RunOptions,
    log: Logger,
    settle: (outcome: Outcome) => void,
    lending: (options: RunOptions) => (() => void) | undefined,
  ) {
    this.#lending = lending
    this.signal = options.signal
    this.log = log
    this.#id = id
    this.#options = options
    this.#settle = settle
    options.kill.addEventListener('abort', this.#abandon)
  }

  /** A report after the end is ignored: an abandoned job may go on. */
  report(report: Report): void {
    if (!this.#ended) this.#options.report(report)
  }

  sendEvent(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#ended) this.#options.sendEvent?.(type, fields)
  }

  /** Its one slot is lent as long as it waits anywhere. */
  lend(): (() => void) | undefined {
    if (this.#ended) return undefined
    if (this.#waits === 0) this.#takeBack = this.#lending(this.#options)
    if (!this.#takeBack) return undefined
    this.#waits++
    let isOver = false
    return () => {
      if (isOver || this.#ended) return
      isOver = true
      if (--this.#waits === 0) this.#returnSlot()
    }
  }

  #returnSlot(): void {
    this.#takeBack?.()
    this.#takeBack = undefined
  }

  get emit(): Emit | undefined {
    const { emit } = this.#options
    return emit && ((emission, taken) => (this.#ended ? taken() : emit(emission, taken)))
  }

  get completing(): JobHost['completing'] {
    return this.#options.completing
  }

  stop(by: StopReason): void {
    this.end(stopped(this.#id, by))
  }

  end(outcome: Outcome): void {
    if (this.#ended) return
    this.#ended = true
    this.#returnSlot()
    this.#options.kill.removeEventListener('abort', this.#abandon)
    this.#settle(outcome)
  }
}
