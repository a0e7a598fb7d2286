import { hostname } from 'node:os'
import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { shareLog } from '../app/shareLog.ts'
import type { Consumer } from '../broker/broker.ts'
import type { Stores } from '../calls/stores.ts'
import { advancerOf, linkFollowUp } from '../canvas/advance.ts'
import { CONTENT_TYPES } from '../protocol/serializer.ts'
import { MAX_TIMER_MS } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import type { LogOption } from '../std/log.ts'
import { requireNode } from '../std/node.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { ChordJoiner } from './chordJoiner.ts'
import { ControlListener } from './control/listener.ts'
import { LentSlots } from './lentSlots.ts'
import { logSignals } from './logging.ts'
import { parseWorkerOptions, type WorkerOptions } from './options.ts'
import { openPool } from './pool/open.ts'
import type { Pool } from './pool/pool.ts'
import { WorkerState } from './state.ts'
import { execute, retract, type WorkerContext } from './task/execute.ts'
import type { WorkerApp } from './workerApp.ts'

export type { PoolKind, WorkerOptions } from './options.ts'
export type { Pool, RunOptions } from './pool/pool.ts'

requireNode()

/** Default name of a worker; `number` distinguishes several of one machine. */
export function defaultName(number = 1): string {
  return `celeriac${number === 1 ? '' : `-${number}`}@${hostname()}`
}

/** After the grace period: how long aborted tasks get before they are ended by force, ms. */
const ABORT_GRACE_MS = 500

interface Ending {
  /** ms */
  readonly grace: number
  readonly reason: string
}

/** Takes tasks from queues and runs them. Everything it does is a signal of the app, and a line of its log. */
export class Worker implements Service {
  readonly app: App
  readonly hostname: string
  readonly queues: readonly string[]
  readonly pool: Pool
  readonly #grace: number
  /** As `ConsumeOptions.ahead`. */
  readonly #ahead: number
  readonly #app: WorkerApp
  readonly #state = new WorkerState()
  #context: WorkerContext | undefined
  readonly #logger: LogOption | undefined
  readonly #control: ControlListener
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #consumer: Consumer | undefined
  /** How this run ends: what the first call of `stop` asked for. */
  #ending: Ending | undefined
  /** Aborts when this run must end at once. */
  #stopNow = new AbortController()

  /** Throws ArgumentError for options that cannot be. Nothing runs before `start`. */
  constructor(app: App, options: WorkerOptions = {}) {
    const { hostname, queues, grace, revokeGrace, logger, ...rest } = parseWorkerOptions(options)
    const { prefetchMultiplier, disablePrefetch, ...pool } = rest
    this.#ahead = disablePrefetch ? 0 : prefetchMultiplier || Number.POSITIVE_INFINITY
    this.app = app
    this.#app = internalsOf(app)
    this.hostname = hostname ?? defaultName()
    this.queues = queues ?? [app.config.queue]
    this.#grace = grace
    this.pool = openPool(this.#app, pool)
    this.#logger = logger
    this.#control = new ControlListener({
      hostname: this.hostname,
      broker: async () => (await this.#app.stores()).broker,
      clock: this.#app.config.clock,
      state: this.#state,
      revokeGrace,
      retract: (id) => this.#retract(id),
      error: (error) => this.#app.signals.emit('worker:error', { error, doing: 'obeying remote control' }),
    })
  }

  /** Why it takes nothing, while the store fails, or why it stopped by itself; undefined while it is well. */
  get problem(): Error | undefined {
    return this.#consumer?.problem
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
    this.#consumer = undefined
    run.defer(() => this.#reset())
    run.defer(shareLog(this.app, 'worker', this.#logger, (...to) => logSignals(this.#app.signals, ...to)))
    const stores = await this.#app.stores()
    await this.pool.start()
    run.defer(() => this.#orTell(this.pool.stop()))
    // A revoke may have started another one while the control listener stopped.
    run.defer(() => this.#state.released())
    // Listening before reading: a revoke of this moment is in one of the two.
    await this.#control.start()
    run.defer(() => this.#orTell(this.#control.stop()))
    for (const id of await stores.backend.revoked.all()) this.#state.revoked.add(id)
    const queues = this.queues.map((name) => ({ name }))
    const { size: prefetch } = this.pool
    const consumer = await stores.broker.consume(queues, { prefetch, ahead: this.#ahead, name: this.hostname })
    this.#consumer = consumer
    run.defer(() => this.#orTell(consumer.release()))
    const slots = this.#lentSlots(consumer)
    run.defer(() => slots.end())
    this.#context = this.#contextOf(stores, slots)
    const joiner = this.#joinerOf(stores, this.#context)
    // Ended after the last task: it may complete a chord.
    run.defer(() => joiner?.stop())
    await joiner?.start()
    const loop = this.#take(consumer, this.#context, slots)
    run.defer(() => this.#drain(consumer, loop))
    this.#app.signals.emit('worker:ready', { hostname: this.hostname })
  }

  #lentSlots(consumer: Consumer): LentSlots {
    return new LentSlots({
      size: this.pool.size,
      held: () => this.#state.held,
      limit: (count) => consumer.prefetch(count),
    })
  }

  #contextOf(stores: Stores, slots: LentSlots): WorkerContext {
    const advancer = advancerOf(this.#app, this.hostname, stores)
    return {
      ...advancer,
      app: this.#app,
      stores,
      pool: this.pool,
      followUps: [linkFollowUp(advancer), ...this.#app.extensions.map(({ followUp }) => followUp)],
      state: this.#state,
      lend: () => slots.lend(),
      stopNow: this.#stopNow.signal,
      accept: new Set(this.#app.config.accept.map((name) => CONTENT_TYPES[name])),
    }
  }

  #joinerOf({ backend }: Stores, context: WorkerContext): ChordJoiner | undefined {
    return context.joins && backend.chords
      ? new ChordJoiner(backend.chords, { ...context, joiner: context })
      : undefined
  }

  /**
   * Take no more tasks; wait up to `grace` (default: the worker's) for those that run, then abort them, then end them
   * by force and requeue them. A second call with a grace of 0 while the first waits makes it end at once. Without
   * effect on a worker that does not run.
   */
  async stop(options: { grace?: Duration | undefined; reason?: string | undefined } = {}): Promise<void> {
    const grace = options.grace === undefined ? this.#grace : milliseconds(options.grace, 'grace')
    if (this.#lifecycle.state === 'idle') return
    if (grace === 0) this.#stopNow.abort()
    this.#ending ??= { grace, reason: options.reason ?? 'stop' }
    await this.#lifecycle.stop()
  }

  async #drain(consumer: Consumer, loop: Promise<void>): Promise<void> {
    const { grace, reason } = this.#ending as Ending
    this.#app.signals.emit('worker:shutdown', { hostname: this.hostname, reason })
    await this.#orTell(consumer.close())
    await this.#ended(grace)
    for (const request of this.#state.running.values()) request.abort('shutdown')
    await this.#ended(grace === 0 || this.#stopNow.signal.aborted ? 0 : ABORT_GRACE_MS)
    for (const request of this.#state.running.values()) request.kill('shutdown')
    // From here on an unavailable store is not waited for: what it does not take now is released by its lease.
    this.#stopNow.abort()
    await loop
    await this.#state.released()
  }

  #reset(): void {
    this.#context = undefined
    this.#ending = undefined
    this.#stopNow = new AbortController()
  }

  /** What cannot be released, because the store is unavailable, is released by its lease. */
  async #orTell(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      this.#app.signals.emit('worker:error', { error, doing: 'stopping' })
    }
  }

  /** Resolves when nothing runs any more, after `limit` ms, or when the worker must stop at once. */
  async #ended(limit: number): Promise<void> {
    const { signal } = this.#stopNow
    if (this.#state.held === 0 || limit === 0 || signal.aborted) return
    let timer: NodeJS.Timeout | undefined
    let stopNow = (): void => undefined
    const enough = new Promise<void>((resolve) => {
      stopNow = resolve
      timer = setTimeout(resolve, Math.min(limit, MAX_TIMER_MS))
      signal.addEventListener('abort', stopNow, { once: true })
    })
    await Promise.race([enough, this.#state.released()])
    clearTimeout(timer)
    signal.removeEventListener('abort', stopNow)
  }

  async #take(consumer: Consumer, context: WorkerContext, slots: LentSlots): Promise<void> {
    for await (const delivery of consumer) {
      this.#state.hold(execute(delivery, context))
      slots.changed()
    }
    if (this.#lifecycle.state === 'stopping') return
    // Nothing can come any more, nor be settled: its store is lost for good.
    this.#app.signals.emit('worker:error', { error: consumer.problem, doing: 'taking tasks' })
    void this.stop({ grace: 0, reason: 'store lost' })
  }
  #retract(id: string): void {
    if (this.#context) this.#state.hold(retract(id, this.#context))
  }
}
