import { setTimeout as sleep } from 'node:timers/promises'
import type { ResourceLimits } from 'node:worker_threads'
import { moduleReference } from '../../../app/loadApp.ts'
import type { Job } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import { type Backoff, backoffDelay } from '../../../std/backoff.ts'
import { Deferred } from '../../../std/deferred.ts'
import type { Logger } from '../../../std/log.ts'
import { Lifecycle, type ServiceRun } from '../../../std/service.ts'
import type { StopSignal } from '../../../std/stopSignal.ts'
import type { WorkerApp } from '../../workerApp.ts'
import type { Pool, RunOptions } from '../pool.ts'
import { stopped } from '../stopped.ts'
import type { ThreadData } from './messages.ts'
import { JobThread } from './thread.ts'

export interface ThreadPoolOptions {
  /** How many threads. */
  readonly size: number
  /** Path or file URL of the task module, which every thread loads. */
  readonly module: string
  /** Memory limits of each thread; a task that exceeds them takes its thread with it. Default: Node's. */
  readonly resourceLimits?: ResourceLimits
}

/** What keeps the threads of one run of the pool alive. */
interface Keeping {
  readonly data: ThreadData
  readonly stopping: StopSignal
  /** Resolves when the pool stops: ends the pause before a new thread. */
  readonly end: Deferred<void>
}

/** Between tries to replace a thread that dies without having run a job. */
const RESPAWN_BACKOFF: Backoff = { kind: 'exponential', delay: 200, maxDelay: 30_000, jitter: 'none' }

/**
 * Runs each job in a thread of its own: CPU work does not hold up the worker, and a job that does not stop is ended
 * with its thread.
 */
export class ThreadPool implements Pool {
  readonly kind = 'threads'
  readonly size: number
  readonly #module: string
  readonly #app: Pick<WorkerApp, 'config'>
  readonly #resourceLimits: ResourceLimits | undefined
  readonly #threads = new Set<JobThread>()
  readonly #idle: JobThread[] = []
  /** Jobs that wait for a thread, first come first served. */
  readonly #line = new Set<(thread: JobThread | undefined) => void>()
  readonly #lifecycle = new Lifecycle((run) => this.#start(run))
  #busy = 0

  /** Threads run the tasks of `module` on the stores of `app`, and log through it. */
  constructor(app: Pick<WorkerApp, 'config'>, { size, module, resourceLimits }: ThreadPoolOptions) {
    this.#app = app
    this.size = size
    this.#module = module
    this.#resourceLimits = resourceLimits
  }

  get busy(): number {
    return this.#busy
  }

  /**
   * Resolves when every thread has loaded the module; rejects with ConfigError or the module's own error, and with
   * WorkerLostError when it is stopped before.
   */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  async run(job: Job, options: RunOptions): Promise<Outcome> {
    const { kill } = options
    if (kill.aborted) return stopped(job.id, kill.reason)
    if (!this.#accepts) return stopped(job.id, 'shutdown')
    const thread = this.#take() ?? (await this.#wait(kill))
    if (!thread?.alive || kill.aborted) {
      if (thread) this.#offer(thread)
      return stopped(job.id, kill.aborted ? kill.reason : 'shutdown')
    }
    this.#busy++
    const outcome = await thread.run(job, options)
    this.#busy--
    this.#offer(thread)
    return outcome
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  get #accepts(): boolean {
    const { state } = this.#lifecycle
    return state === 'starting' || state === 'running'
  }

  async #start(run: ServiceRun): Promise<void> {
    const data = this.#data()
    const keeping: Keeping = { data, end: new Deferred(), stopping: run.stopping }
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => {
      closing ??= this.#close(keeping)
      return closing
    }
    run.defer(close)
    // At once: it does not wait for threads that still load.
    run.stopping.addEventListener('abort', () => void close())
    const threads = Array.from({ length: this.size }, () => this.#open(data))
    await Promise.all(threads.map((thread) => thread.ready))
    for (const thread of threads) void this.#keep(thread, keeping)
  }

  async #close({ end }: Keeping): Promise<void> {
    end.resolve()
    for (const resume of [...this.#line]) resume(undefined)
    await Promise.all([...this.#threads].map((thread) => thread.close()))
    this.#idle.length = 0
  }

  #data(): ThreadData {
    const { broker, backend } = this.#app.config
    if (broker.scheme === 'memory')
      this.#log.warn({}, 'tasks sent from within threads are lost: memory: is not shared with them')
    return { module: moduleReference(this.#module), broker: broker.reveal(), backend: backend.reveal() }
  }

  get #log(): Logger {
    return this.#app.config.logger
  }

  #open(data: ThreadData): JobThread {
    const thread = new JobThread(data, this.#log, this.#resourceLimits)
    this.#threads.add(thread)
    void thread.gone.then(() => this.#threads.delete(thread))
    return thread
  }

  /** An idle thread; one that died just now is passed over. */
  #take(): JobThread | undefined {
    let thread = this.#idle.pop()
    while (thread && !thread.alive) thread = this.#idle.pop()
    return thread
  }

  /**
   * Keep one slot filled until the pool stops: a thread that is gone is replaced, at once if it was a job that ended
   * it.
   */
  async #keep(first: JobThread, keeping: Keeping): Promise<void> {
    const { data, stopping } = keeping
    let thread = first
    let failures = 0
    for (;;) {
      if (thread.alive) this.#offer(thread)
      await thread.gone
      if (stopping.aborted) return
      this.#drop(thread)
      failures = thread.used ? 0 : failures + 1
      if (failures > 0) await this.#pause(failures, keeping)
      if (stopping.aborted) return
      thread = this.#open(data)
      await this.#load(thread, keeping)
    }
  }

  async #load(thread: JobThread, { stopping }: Keeping): Promise<void> {
    try {
      await thread.ready
    } catch (error) {
      if (!stopping.aborted) this.#log.error({ err: error }, 'a new thread cannot load the task module')
      await thread.close()
    }
  }

  async #pause(failures: number, { end }: Keeping): Promise<void> {
    const delay = backoffDelay(RESPAWN_BACKOFF, failures - 1)
    await Promise.race([sleep(delay, undefined, { ref: false }), end.promise])
  }

  #drop(thread: JobThread): void {
    const place = this.#idle.indexOf(thread)
    if (place >= 0) this.#idle.splice(place, 1)
  }

  #offer(thread: JobThread): void {
    if (!thread.alive) return
    const [resume] = this.#line
    if (resume) resume(thread)
    else this.#idle.push(thread)
  }

  /** The next free thread; undefined when the job was killed or the pool closed meanwhile. */
  #wait(kill: StopSignal): Promise<JobThread | undefined> {
    return new Promise((resolve) => {
      const resume = (thread: JobThread | undefined): void => {
        this.#line.delete(resume)
        kill.removeEventListener('abort', giveUp)
        resolve(thread)
      }
      const giveUp = (): void => resume(undefined)
      this.#line.add(resume)
      kill.addEventListener('abort', giveUp)
    })
  }
}
