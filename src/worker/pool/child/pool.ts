import { setTimeout as sleep } from 'node:timers/promises'
import { moduleReference } from '../../../app/loadApp.ts'
import type { Job } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import { type Backoff, backoffDelay } from '../../../std/backoff.ts'
import { Deferred } from '../../../std/deferred.ts'
import type { Logger } from '../../../std/log.ts'
import { Lifecycle, type ServiceRun } from '../../../std/service.ts'
import type { StopSignal } from '../../../std/stopSignal.ts'
import type { WorkerApp } from '../../workerApp.ts'
import type { Pool, RunOptions, Slot } from '../pool.ts'
import { stopped } from '../stopped.ts'
import type { ChildKind } from './host.ts'
import { JobChild } from './jobChild.ts'
import type { ChildData } from './messages.ts'

export interface ChildPoolOptions {
  /** How many children. */
  readonly size: number
  /** Path or file URL of the task module, which every child loads. */
  readonly module: string
  /** A child is replaced after so many jobs. Absent: never. */
  readonly maxTasks?: number | undefined
  /** A child that uses more than this after a job is replaced, bytes. Absent: never. */
  readonly maxMemory?: number | undefined
}

/** What keeps the children of one run of the pool alive. */
interface Keeping {
  readonly stopping: StopSignal
  /** Resolves when the pool stops: ends the pause before a new child. */
  readonly end: Deferred<void>
}

/** The successor of a child is started after this share of its jobs, so that it is ready when it is needed. */
const AHEAD = 0.8

/** Between tries to replace a child that dies without having run a job. */
const RESPAWN_BACKOFF: Backoff = { kind: 'exponential', delay: 200, maxDelay: 30_000, jitter: 'none' }

/**
 * Runs each job in a child of its own, a thread or a process: CPU work does not hold up the worker, and a job that does
 * not stop is ended with its child.
 */
export class ChildPool implements Pool {
  readonly kind: ChildKind['pool']
  readonly size: number
  readonly #options: ChildPoolOptions
  readonly #app: Pick<WorkerApp, 'config'>
  readonly #children: ChildKind
  readonly #open = new Set<JobChild>()
  readonly #idle: JobChild[] = []
  /** Children that are to take the slots of others, which are still alive. */
  readonly #successors = new WeakMap<JobChild, JobChild>()
  /** Jobs that wait for a child, first come first served. */
  readonly #line = new Set<(child: JobChild | undefined) => void>()
  readonly #lifecycle = new Lifecycle((run) => this.#start(run))
  #busy = 0
  /** Of the run: set by its start. */
  #data: ChildData | undefined

  /** Children run the tasks of `module` on the stores of `app`, and log through it. */
  constructor(app: Pick<WorkerApp, 'config'>, children: ChildKind, options: ChildPoolOptions) {
    this.kind = children.pool
    this.#children = children
    this.#app = app
    this.size = options.size
    this.#options = options
  }

  get busy(): number {
    return this.#busy
  }

  get slots(): readonly Slot[] {
    return [...this.#open].flatMap((child) => child.slot ?? [])
  }

  /**
   * Resolves when every child has loaded the module; rejects with ConfigError or the module's own error, and with
   * WorkerLostError when it is stopped before.
   */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  async run(job: Job, options: RunOptions): Promise<Outcome> {
    const { kill } = options
    if (kill.aborted) return stopped(job.id, kill.reason)
    if (!this.#accepts) return stopped(job.id, 'shutdown')
    const child = this.#take() ?? (await this.#wait(kill))
    if (!child?.alive || kill.aborted) {
      if (child) this.#offer(child)
      return stopped(job.id, kill.aborted ? kill.reason : 'shutdown')
    }
    this.#busy++
    const running = child.run(job, options)
    this.#lookAhead(child)
    const outcome = await running
    this.#busy--
    if (this.#isWorn(child)) child.retire()
    this.#offer(child)
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
    this.#data = this.#dataOf()
    const keeping: Keeping = { end: new Deferred(), stopping: run.stopping }
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => {
      closing ??= this.#close(keeping)
      return closing
    }
    run.defer(close)
    // At once: it does not wait for children that still load.
    run.stopping.addEventListener('abort', () => void close())
    const children = Array.from({ length: this.size }, () => this.#add())
    await Promise.all(children.map((child) => child.ready))
    for (const child of children) void this.#keep(child, keeping)
  }

  async #close({ end }: Keeping): Promise<void> {
    end.resolve()
    for (const resume of [...this.#line]) resume(undefined)
    await Promise.all([...this.#open].map((child) => child.close()))
    this.#idle.length = 0
  }

  #dataOf(): ChildData {
    const { broker, backend } = this.#app.config
    if (broker.scheme === 'memory')
      this.#log.warn({}, `tasks sent from within ${this.#children.plural} are lost: memory: is not shared with them`)
    const { module, maxMemory } = this.#options
    return {
      pool: this.kind,
      module: moduleReference(module),
      broker: broker.reveal(),
      backend: backend.reveal(),
      measures: maxMemory !== undefined,
    }
  }

  get #log(): Logger {
    return this.#app.config.logger
  }

  #add(): JobChild {
    const child = new JobChild(this.#children, this.#data as ChildData, this.#log)
    this.#open.add(child)
    // One that waits for its slot may end before anything awaits it.
    child.ready.catch(() => undefined)
    void child.ended.then(() => this.#open.delete(child))
    return child
  }

  /** An idle child; one that died just now is passed over. */
  #take(): JobChild | undefined {
    let child = this.#idle.pop()
    while (child && !child.alive) child = this.#idle.pop()
    return child
  }

  /**
   * Keep one slot filled until the pool stops: a child that is gone is replaced, at once if it was a job that ended
   * it. One that is retired ends when its successor is ready.
   */
  async #keep(first: JobChild, keeping: Keeping): Promise<void> {
    const { stopping } = keeping
    let child = first
    let failures = 0
    for (;;) {
      if (child.alive) this.#offer(child)
      await child.gone
      if (stopping.aborted) return
      this.#drop(child)
      failures = child.jobs > 0 ? 0 : failures + 1
      if (failures > 0) await this.#pause(failures, keeping)
      if (stopping.aborted) return
      const before = child
      child = this.#successors.get(before) ?? this.#add()
      await this.#load(child, keeping)
      void before.close()
    }
  }

  #isWorn({ jobs, memory }: JobChild): boolean {
    const { maxTasks, maxMemory } = this.#options
    return (maxTasks !== undefined && jobs >= maxTasks) || (maxMemory !== undefined && memory > maxMemory)
  }

  #lookAhead(child: JobChild): void {
    const { maxTasks } = this.#options
    if (maxTasks === undefined || child.jobs < maxTasks * AHEAD || this.#successors.has(child)) return
    if (this.#accepts) this.#successors.set(child, this.#add())
  }

  async #load(child: JobChild, { stopping }: Keeping): Promise<void> {
    try {
      await child.ready
    } catch (error) {
      if (!stopping.aborted) this.#log.error({ err: error }, `a new ${this.#children.noun} cannot start`)
      await child.close()
    }
  }

  async #pause(failures: number, { end }: Keeping): Promise<void> {
    const delay = backoffDelay(RESPAWN_BACKOFF, failures - 1)
    await Promise.race([sleep(delay, undefined, { ref: false }), end.promise])
  }

  #drop(child: JobChild): void {
    const place = this.#idle.indexOf(child)
    if (place >= 0) this.#idle.splice(place, 1)
  }

  #offer(child: JobChild): void {
    if (!child.alive) return
    const [resume] = this.#line
    if (resume) resume(child)
    else this.#idle.push(child)
  }

  /** The next free child; undefined when the job was killed or the pool closed meanwhile. */
  #wait(kill: StopSignal): Promise<JobChild | undefined> {
    return new Promise((resolve) => {
      const resume = (child: JobChild | undefined): void => {
        this.#line.delete(resume)
        kill.removeEventListener('abort', giveUp)
        resolve(child)
      }
      const giveUp = (): void => resume(undefined)
      this.#line.add(resume)
      kill.addEventListener('abort', giveUp)
    })
  }
}
