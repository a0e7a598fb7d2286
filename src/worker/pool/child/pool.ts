import { moduleReference } from '../../../app/loadApp.ts'
import type { Job } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import { Deferred } from '../../../std/deferred.ts'
import { WorkerLostError } from '../../../std/errors.ts'
import type { Logger } from '../../../std/log.ts'
import { Lifecycle, type ServiceRun } from '../../../std/service.ts'
import { Stop, type StopSignal } from '../../../std/stopSignal.ts'
import { MAX_CHILDREN, requireSize } from '../../poolOptions.ts'
import type { WorkerApp } from '../../workerApp.ts'
import type { ChildInfo, Pool, RunOptions } from '../pool.ts'
import { stopped } from '../stopped.ts'
import type { ChildKind } from './host.ts'
import type { JobChild } from './jobChild.ts'
import type { ChildData } from './messages.ts'
import type { Slot, SlotParts } from './slot.ts'

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

/** What one run of the pool has. */
interface Staff extends SlotParts {
  readonly slots: Set<Slot>
  /** One more slot. `isOpen`: as of its constructor. */
  open(isOpen: boolean): Slot
}

/** The successor of a child is started after this share of its jobs, so that it is ready when it is needed. */
const AHEAD = 0.8

/**
 * Runs each job in a child of its own, a thread or a process: CPU work does not hold up the worker, and a job that does
 * not stop is ended with its child.
 */
export class ChildPool implements Pool {
  readonly kind: ChildKind['pool']
  /** Called when `size` has changed. */
  onSize: () => void = () => undefined
  #size: number
  #target: number
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
  /** What its children log once for all of them. */
  readonly #said = new Set<unknown>()
  #busy = 0
  /** Of the run: from the moment when it can start children until it closes them. */
  #staff: Staff | undefined

  /** Children run the tasks of `module` on the stores of `app`, and log through it. */
  constructor(app: Pick<WorkerApp, 'config'>, children: ChildKind, options: ChildPoolOptions) {
    this.kind = children.pool
    this.#children = children
    this.#app = app
    this.#size = options.size
    this.#target = options.size
    this.#options = options
  }

  get size(): number {
    return this.#size
  }

  get target(): number {
    return this.#target
  }

  get busy(): number {
    return this.#busy
  }

  get children(): readonly ChildInfo[] {
    return [...this.#open].flatMap(({ info }) => info ?? [])
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
    this.#offer(child)
    return outcome
  }

  resize(size: number): void {
    requireSize(this.kind, size, MAX_CHILDREN)
    this.#target = size
    if (this.#staff) this.#fit(this.#staff)
    this.#count()
  }

  get pids(): readonly number[] {
    return [...new Set([...this.#open].map(({ pid }) => pid))].filter((pid) => pid !== undefined)
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  get #accepts(): boolean {
    const { state } = this.#lifecycle
    return state === 'starting' || state === 'running'
  }

  async #start(run: ServiceRun): Promise<void> {
    const data = this.#dataOf()
    const stopping = new Stop()
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => {
      closing ??= this.#close(stopping)
      return closing
    }
    run.defer(close)
    // At once: it does not wait for children that still load.
    run.stopping.addEventListener('abort', () => void close())
    // A worker whose tasks all run inline does not load them.
    const [{ JobChild: Child }, { Slot: PoolSlot }] = await Promise.all([import('./jobChild.ts'), import('./slot.ts')])
    if (stopping.aborted) throw new WorkerLostError(`the pool was stopped before its ${this.#children.plural} started`)
    const parts = this.#partsOf(stopping, () => this.#added(new Child(this.#children, data, this.#log, this.#said)))
    const staff: Staff = { ...parts, slots: new Set(), open: (isOpen) => new PoolSlot(parts, isOpen) }
    this.#staff = staff
    const slots = Array.from({ length: this.#target }, () => staff.open(true))
    for (const slot of slots) staff.slots.add(slot)
    await Promise.all(slots.map((slot) => slot.loaded()))
    for (const slot of slots) void slot.keep()
  }

  #partsOf(stopping: StopSignal, add: () => JobChild): SlotParts {
    const end = new Deferred<void>()
    stopping.addEventListener('abort', () => end.resolve())
    return {
      stopping,
      end: end.promise,
      add,
      log: this.#log,
      noun: this.#children.noun,
      successorOf: (child) => this.#successors.get(child),
      offer: (child) => this.#offer(child),
      withdraw: (child) => this.#withdraw(child),
      spare: (slot) => this.#spare(slot),
      opened: () => this.#count(),
    }
  }

  /** As many slots as are to be: those without a child go first, then idle ones. Busy ones go after their jobs. */
  #fit(staff: Staff): void {
    const { slots } = staff
    for (let missing = this.#target - slots.size; missing > 0; missing--) {
      const slot = staff.open(false)
      slots.add(slot)
      void slot.keep()
    }
    for (const slot of slots) if (!slot.child.alive) this.#spare(slot)
    const idle = new Set(this.#idle)
    for (const slot of slots) if (idle.has(slot.child)) this.#spare(slot)
  }

  /** Close a slot that runs no job, where there is one too many. */
  #spare(slot: Slot): boolean {
    const slots = this.#staff?.slots
    if (!slots || slots.size <= this.#target) return false
    slots.delete(slot)
    slot.close()
    return true
  }

  /** How many slots have opened, of those that are to be. */
  #count(): void {
    const slots = this.#staff?.slots
    const open = slots ? [...slots].filter(({ isOpen }) => isOpen).length : this.#target
    const size = Math.min(open, this.#target)
    if (size === this.#size) return
    this.#size = size
    this.onSize()
  }

  async #close(stopping: Stop): Promise<void> {
    stopping.abort('stop')
    this.#staff = undefined
    this.#count()
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

  #added(child: JobChild): JobChild {
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

  #isWorn({ jobs, memory }: JobChild): boolean {
    const { maxTasks, maxMemory } = this.#options
    return (maxTasks !== undefined && jobs >= maxTasks) || (maxMemory !== undefined && memory > maxMemory)
  }

  #lookAhead(child: JobChild): void {
    const { maxTasks } = this.#options
    if (maxTasks === undefined || child.jobs < maxTasks * AHEAD || this.#successors.has(child)) return
    if (this.#staff && this.#staff.slots.size <= this.#target) this.#successors.set(child, this.#staff.add())
  }

  #withdraw(child: JobChild): void {
    const place = this.#idle.indexOf(child)
    if (place >= 0) this.#idle.splice(place, 1)
  }

  /** Its slot was one too many, and is closed. */
  #isSpare(child: JobChild): boolean {
    const { slots } = this.#staff ?? {}
    if (!slots || slots.size <= this.#target) return false
    const slot = [...slots].find((one) => one.child === child)
    return slot !== undefined && this.#spare(slot)
  }

  #offer(child: JobChild): void {
    if (this.#isWorn(child)) child.retire()
    if (!child.alive || this.#isSpare(child)) return
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
