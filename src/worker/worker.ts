import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { queuesOf } from '../app/knownQueues.ts'
import type { WorkerFacts } from '../app/lifeCycle/hooks.ts'
import { shareLog } from '../app/shareLog.ts'
import { type Delivery, queueToConsume, workerDirect } from '../broker/broker.ts'
import type { QueueOptions } from '../broker/queueOptions.ts'
import { requireSupport } from '../calls/keys/support.ts'
import type { Stores } from '../calls/stores.ts'
import { parseQueues } from '../config/queueOptions.ts'
import { MAX_TIMER_MS } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { uuid } from '../std/id.ts'
import type { LogOption } from '../std/log.ts'
import { requireNode } from '../std/node.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { untilStopped } from '../std/stopSignal.ts'
import { requireText } from '../std/validate.ts'
import { contextOf, joinerOf, sweepPayloads } from './context.ts'
import { ControlListener } from './control/listener.ts'
import { type TaskEvents, WorkerEvents } from './events.ts'
import { NOT_READY, OutageWatch, type WorkerHealth } from './health.ts'
import { Intake } from './intake.ts'
import { LentSlots } from './lentSlots.ts'
import { openLimits } from './limits/openLimits.ts'
import { logSignals } from './logging.ts'
import { watchLoop } from './loopWatch.ts'
import { defaultName } from './name.ts'
import { parseWorkerOptions, type WorkerOptions } from './options.ts'
import type { Pool } from './pool/pool.ts'
import { TaskPools } from './pool/taskPools.ts'
import type { BackPressure, PressureLimits } from './pressure/backPressure.ts'
import { watchPressure } from './pressure/watch.ts'
import { queuesToTake, requireTurns } from './queues.ts'
import { type AutoscaleState, PoolSize } from './scale/poolSize.ts'
import { Shutdown } from './shutdown.ts'
import { WorkerState } from './state.ts'
import { runnable } from './task/admit.ts'
import { execute, retract } from './task/execute.ts'
import type { LossLimits } from './task/losses.ts'
import type { TimeLimits } from './task/timeLimits.ts'
import { Turns } from './task/turns.ts'
import type { WorkerContext } from './task/workerContext.ts'
import type { WorkerApp } from './workerApp.ts'

export type { TaskEvents } from './events.ts'
export type { WorkerHealth } from './health.ts'
export { defaultName } from './name.ts'
export type { PoolKind, WorkerOptions } from './options.ts'
export type { Pool, RunOptions } from './pool/pool.ts'
export type { Autoscale } from './poolOptions.ts'
export type { AutoscaleState } from './scale/poolSize.ts'

requireNode()

/** Takes tasks from queues and runs them. Everything it does is a signal of the app, and a line of its log. */
export class Worker implements Service {
  readonly app: App
  readonly hostname: string
  /** Queues that it takes from when it starts. */
  readonly #ownQueues: readonly string[]
  /** Of those that were named, by name. */
  readonly #weights: ReadonlyMap<string, number>
  readonly #pools: TaskPools
  readonly #size: PoolSize
  readonly #grace: number
  /** As `ConsumeOptions.ahead`. */
  readonly #ahead: number
  readonly #timeLimits: TimeLimits
  readonly #lossLimits: LossLimits
  readonly #pressureLimits: PressureLimits
  #pressure: BackPressure | undefined
  readonly #maxTasks: number
  /** How many runs have begun since its start. */
  #begun = 0
  readonly #app: WorkerApp
  readonly #state = new WorkerState()
  readonly #outages: OutageWatch
  #context: WorkerContext | undefined
  readonly #logger: LogOption | undefined
  readonly #control: ControlListener
  readonly #events: WorkerEvents
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #intake: Intake | undefined
  #turns: Turns | undefined
  /** Of this run. */
  #shutdown: Shutdown

  /** Throws ArgumentError for options that cannot be. Nothing runs before `start`. */
  constructor(app: App, options: WorkerOptions = {}) {
    const { hostname, queues, excludeQueues, workerDirect: isDirect, grace, ...others } = parseWorkerOptions(options)
    const { maxOutage, maxTasks, revokeGrace, control, logger, profileFolder, ...rest } = others
    const { maxWorkerLosses, maxChildLosses, timeLimit, softTimeLimit, ...intake } = rest
    const { maxEventLoopUtilization, maxMemory, taskEvents, heartbeatInterval: interval, ...more } = intake
    const { prefetchMultiplier, disablePrefetch, ...pool } = more
    this.#pressureLimits = { maxEventLoopUtilization, maxMemory }
    this.#ahead = disablePrefetch ? 0 : prefetchMultiplier || Number.POSITIVE_INFINITY
    this.app = app
    this.#app = internalsOf(app)
    this.hostname = hostname ?? defaultName()
    const taken = queuesToTake({ own: app.config.queue, all: () => queuesOf(app) }, queues?.keys(), excludeQueues)
    this.#weights = queues ?? new Map()
    this.#ownQueues = isDirect ? [...taken, workerDirect(this.hostname)] : taken
    this.#maxTasks = maxTasks ?? Number.POSITIVE_INFINITY
    this.#state.onBegin = () => this.#count()
    this.#grace = grace
    this.#timeLimits = { timeLimit, softTimeLimit }
    this.#lossLimits = { maxWorkerLosses, maxChildLosses }
    this.#outages = new OutageWatch(() => this.#app.config.clock.now(), maxOutage)
    this.#pools = new TaskPools(this.#app, pool)
    this.#size = new PoolSize(this.pool, pool.autoscale, (change) =>
      this.#app.signals.emit('worker:scaled', { hostname: this.hostname, pool: this.pool.kind, ...change }),
    )
    this.#shutdown = this.#newShutdown()
    this.#logger = logger
    const about = { hostname: this.hostname, app: this.#app, state: this.#state, taskEvents, interval }
    this.#events = new WorkerEvents(about)
    this.#control = new ControlListener({
      worker: this,
      app: this.#app,
      allowed: control,
      state: this.#state,
      turns: () => this.#turns,
      timeLimits: this.#timeLimits,
      profileFolder,
      revokeGrace,
      intake: () => this.#intake,
      retract: (id) => this.#context && this.#state.hold(retract(id, this.#context)),
    })
  }

  /** Why it takes nothing, while the store fails, or why it stopped by itself; undefined while it is well. */
  get problem(): Error | undefined {
    return this.#intake?.problem
  }

  /** Queues that it takes from. */
  get queues(): readonly string[] {
    return this.#intake?.queues ?? this.#ownQueues
  }

  /** Its own pool. */
  get pool(): Pool {
    return this.#pools.main
  }

  /** Its own pool, and those beside it that its tasks ask for. */
  get pools(): readonly Pool[] {
    for (const kind of this.#pools.wanted(this.queues)) this.#pools.of(kind)
    return this.#pools.all
  }

  /** Between which sizes its own pool scales itself; undefined without the option `autoscale`. */
  get autoscale(): AutoscaleState | undefined {
    return this.#size.autoscale
  }

  /** New bounds, which hold at once. Left out: as before. Throws ArgumentError, also without `autoscale`. */
  setAutoscale(max?: number, min?: number): AutoscaleState {
    return this.#size.setAutoscale(max, min)
  }

  /** Let its own pool run so many more tasks at once; returns how many. Throws ArgumentError, also with `autoscale`. */
  grow(count = 1): number {
    return this.#size.grow(count)
  }

  /** The opposite: what runs goes on to its end. */
  shrink(count = 1): number {
    return this.#size.shrink(count)
  }

  /** Whether it takes tasks, and whether its broker can be reached: for probes. */
  get health(): WorkerHealth {
    const { state } = this.#lifecycle
    const stage = NOT_READY[state === 'running' && this.#intake?.isQuiet ? 'quiet' : state]
    const reason = stage ?? (this.problem ? undefined : this.#pressure?.reason)
    return reason === undefined ? this.#outages.look(this.problem) : { ready: false, live: true, reason }
  }

  /** The events of its tasks, which can be switched on and off while it runs. */
  get taskEvents(): TaskEvents {
    return this.#events
  }

  /** How many tasks it holds now. */
  get busy(): number {
    return this.#state.held
  }

  /** How many runs of each task it has begun, by the task's name. */
  get totals(): ReadonlyMap<string, number> {
    return this.#state.totals
  }

  /**
   * Resolves when it is ready to take tasks; a call while it starts or runs joins the first. Rejects when the store or
   * the pool cannot be opened: then nothing is left open, and the next call tries again. A worker that has stopped can
   * be started again.
   */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** What is opened here is closed in the opposite order. */
  async #open(run: ServiceRun): Promise<void> {
    this.#intake = undefined
    run.defer(() => this.#reset())
    run.defer(shareLog(this.app, 'worker', this.#logger, (...to) => logSignals(this.#app.signals, ...to)))
    this.#pools.requireModule(this.queues)
    const turns = this.#turnsOf()
    // After the last task, and after all that it may use.
    run.defer(this.#app.resources.use())
    const { hooks, config } = this.#app
    const { now } = this.#shutdown
    await hooks.workerInit.run(this.#facts, now)
    run.defer(() => hooks.workerShutdown.runAll(this.#facts, config.logger))
    const stores = requireSupport(this.#app.tasks, await this.#app.stores(), config.trackStarted)
    requireTurns(stores, this.#weights)
    // Before the first event, and until the last.
    if (config.recorder.mode === 'on')
      run.defer(await (await import('../recorder/recorder.ts')).recordWhileOpen(this.app))
    run.defer(() => this.#events.stop())
    await this.#events.start(stores.broker)
    run.defer(() => this.#orTell(this.#pools.stop()))
    await untilStopped(Promise.all([this.#pools.start(), turns.prepare()]), now)
    // A revoke may have started another one while the control listener stopped.
    run.defer(() => this.#shutdown.released())
    // Listening before reading: a revoke of this moment is in one of the two.
    await this.#control.start()
    run.defer(() => this.#orTell(this.#control.stop()))
    for (const id of await stores.backend.revoked.all()) this.#state.revoked.add(id)
    await this.#take(run, stores, turns)
    const ready = hooks.workerReady.runAll(this.#facts, config.logger, 'first first')
    await untilStopped(ready, run.stopping).catch(() => undefined)
  }

  /** The second half of `#open`: from here on it takes messages. */
  async #take(run: ServiceRun, stores: Stores, turns: Turns): Promise<void> {
    const { config } = this.#app
    const limit = (count: number): number => Math.min(count, this.#maxTasks)
    const intake: Intake = new Intake({
      broker: stores.broker,
      queues: this.queues,
      queueOf: (name) => ({ ...queueToConsume(name, config.queues[name], uuid), weight: this.#weights.get(name) }),
      ahead: this.#ahead,
      name: this.hostname,
      prefetch: limit(turns.prefetch),
      execute: (delivery, settled) => this.#execute(delivery, context, slots, settled),
      lost: (error) => this.#lose(error),
    })
    const slots = new LentSlots({
      size: () => this.#pressure?.most(turns.prefetch) ?? turns.prefetch,
      held: () => this.#state.held,
      limit: (count) => intake.prefetch(limit(count)),
    })
    const context = contextOf({
      hostname: this.hostname,
      app: this.#app,
      stores,
      pools: this.#pools,
      turns,
      lossLimits: this.#lossLimits,
      timeLimits: this.#timeLimits,
      state: this.#state,
      events: this.#events,
      lend: () => slots.lend(),
      stopNow: this.#shutdown.now,
    })
    const stopLimits = await openLimits({
      app: this.#app,
      broker: stores.broker,
      running: () => this.#state.running.values(),
      problem: () => this.problem,
      pause: (queues) => intake.pause(queues),
      use: (limits) => Object.assign(context, { limits }),
    })
    run.defer(stopLimits)
    turns.onPrefetch = () => slots.apply()
    this.#intake = intake
    this.#turns = turns
    this.#context = context
    this.#state.unbegun = () => runnable(intake.unbegun, context)
    run.defer(() => this.#orTell(intake.release()))
    run.defer(() => slots.end())
    this.#pressure = await watchPressure(this.#pressureLimits, this, () => slots.apply())
    run.defer(() => this.#pressure?.stop())
    const joiner = joinerOf(context)
    // Ended after the last task: it may complete a chord.
    run.defer(() => joiner?.stop())
    await joiner?.start()
    run.defer(await sweepPayloads(context))
    run.defer(watchLoop(this, this.#state, this.#app.signals))
    await intake.start(() => this.#app.signals.emit('worker:ready', { hostname: this.hostname }))
    run.defer(() => this.#drain(intake, turns))
    const load = { clock: config.clock, broker: stores.broker, queues: () => this.queues, waiting: () => turns.waiting }
    run.defer(await this.#size.follow(this.#state, { ...load, takes: () => this.health.ready }))
  }

  get #facts(): WorkerFacts {
    const { hostname, queues, pool } = this
    return { hostname, queues, pool: pool.kind, concurrency: pool.size }
  }

  #turnsOf(): Turns {
    const spares = this.#ahead === 0 ? 0 : undefined
    const executions = (): Iterable<Promise<void>> => this.#state.executions
    return new Turns(this.#pools, this.queues, { app: this.#app, lossLimits: this.#lossLimits, spares, executions })
  }

  /**
   * Take no more tasks, and go on with those that run, until `resume` or `stop`. Without effect on a worker that does
   * not run, as the next three.
   */
  async quiet(): Promise<void> {
    if (this.#lifecycle.state === 'running') await this.#orTell(this.#intake?.quiet())
  }

  /** After `quiet`: take tasks again. Rejects with StoreUnavailableError: then it stays quiet. */
  async resume(): Promise<void> {
    if (this.#lifecycle.state === 'running') await this.#intake?.resume()
  }

  /** Take from this queue too, until it stops. `options`: default, the app's `queues`. Rejects with ConfigError. */
  async addQueue(queue: string, options?: QueueOptions): Promise<void> {
    requireText(queue, 'queue')
    this.#pools.requireModule([queue])
    const bound = options && queueToConsume(queue, parseQueues({ [queue]: options })[queue], uuid)
    if (this.#lifecycle.state === 'running') await this.#intake?.add(queue, bound)
  }

  /** Take from this queue no more, until it stops. What it has taken of it goes on. */
  async cancelQueue(queue: string): Promise<void> {
    if (this.#lifecycle.state === 'running') await this.#intake?.cancel(queue)
  }

  /**
   * Take no more tasks; wait up to `grace` (default: the worker's) for those that run, then abort them, then end them
   * by force and requeue them. A second call with a shorter grace while the first waits shortens it; 0 ends it at once.
   * Without effect on a worker that does not run.
   */
  async stop(options: { grace?: Duration | undefined; reason?: string | undefined } = {}): Promise<void> {
    const grace = options.grace === undefined ? this.#grace : milliseconds(options.grace, 'grace')
    const { state } = this.#lifecycle
    if (state === 'idle') return
    const limits = state === 'starting' || (state === 'stopping' && options.grace !== undefined)
    this.#shutdown.ask({ grace, reason: options.reason ?? 'stop' }, limits)
    await this.#lifecycle.stop()
  }

  #drain(intake: Intake, turns: Turns): Promise<void> {
    this.#app.signals.emit('worker:shutdown', { hostname: this.hostname, reason: this.#shutdown.reason })
    return this.#shutdown.drain(() => {
      const closing = this.#orTell(intake.close())
      turns.stop()
      return closing
    })
  }

  #newShutdown(): Shutdown {
    return new Shutdown(this.#state, () => this.problem)
  }

  #reset(): void {
    this.#context = undefined
    this.#turns = undefined
    this.#begun = 0
    this.#shutdown = this.#newShutdown()
  }

  /** What cannot be released, because the store is unavailable, is released by its lease. */
  async #orTell(step: Promise<unknown> | undefined): Promise<void> {
    try {
      await step
    } catch (error) {
      this.#app.signals.emit('worker:error', { error, doing: 'stopping' })
    }
  }

  #execute(delivery: Delivery, context: WorkerContext, slots: LentSlots, settled: () => void): void {
    const isOver = this.#begun >= this.#maxTasks
    this.#state.hold(isOver ? this.#orTell(delivery.reject({ requeue: true })) : execute(delivery, context), settled)
    slots.changed()
  }

  /** Nothing can come any more, nor be settled: its store is lost for good. */
  #lose(error: Error | undefined): void {
    if (this.#lifecycle.state === 'stopping') return
    this.#app.signals.emit('worker:error', { error, doing: 'taking tasks' })
    void this.stop({ grace: 0, reason: 'store lost' })
  }

  #count(): void {
    this.#begun++
    if (this.#begun === this.#maxTasks) void this.stop({ grace: MAX_TIMER_MS, reason: 'max tasks' })
  }
}
