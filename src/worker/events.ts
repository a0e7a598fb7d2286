import type { Broker } from '../broker/broker.ts'
import type { WorkerEventSource } from '../events/workerSource.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { WorkerState } from './state.ts'
import type { Request } from './task/request.ts'
import type { WorkerApp } from './workerApp.ts'

/** What remote control does to the events of a worker. */
export interface TaskEvents {
  /** The events of tasks are sent. */
  readonly enabled: boolean
  /** Send the events of tasks from now on. False where they are sent already. */
  enable(): boolean
  /** Send them no more. False where they are not sent. */
  disable(): boolean
  /** Send one heartbeat now. */
  heartbeat(): void
}

/** What the events of a worker are made from. */
export interface EventParts {
  readonly hostname: string
  readonly app: Pick<WorkerApp, 'config' | 'logicalClock' | 'signals' | 'stores'>
  /** From the start on; undefined: as the app says. */
  readonly taskEvents: boolean | undefined
  /** ms; 0: no heartbeats; undefined: `DEFAULT_INTERVAL_MS`, where Celery shares the store, else when asked. */
  readonly interval: number | undefined
  readonly state: Pick<WorkerState, 'running' | 'totals'>
}

/** Celery's. */
const DEFAULT_INTERVAL_MS = 2000

/** The events of a worker while it runs. Their code is loaded when the first is to be sent. */
export class WorkerEvents implements TaskEvents {
  readonly #parts: EventParts
  #enabled = false
  #isRunning = false
  #source: Promise<WorkerEventSource> | undefined
  /** Set when it is loaded and the events of tasks are sent: the path of every task looks here. */
  #sent: WorkerEventSource | undefined

  constructor(parts: EventParts) {
    this.#parts = parts
  }

  get enabled(): boolean {
    return this.#enabled
  }

  /** Resolves when the events flow that are to flow from the start. */
  async start({ sharedWithCelery }: Pick<Broker, 'sharedWithCelery'>): Promise<void> {
    this.#isRunning = true
    const { interval, app } = this.#parts
    const { taskEvents = app.config.taskEvents || app.config.recorder.mode === 'on' } = this.#parts
    if (interval || (interval === undefined && sharedWithCelery)) this.#use(() => undefined)
    if (taskEvents) this.enable()
    await this.#source
  }

  /** Never rejects. A broker that is unavailable does not hold it up for longer than a second. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#enabled = false
    this.#sent = undefined
    const source = this.#source
    this.#source = undefined
    await source?.then((loaded) => loaded.stop()).catch(() => undefined)
  }

  enable(): boolean {
    if (this.#enabled) return false
    this.#enabled = true
    this.#use((source) => this.#switch(source))
    return true
  }

  disable(): boolean {
    if (!this.#enabled) return false
    this.#enabled = false
    this.#use((source) => this.#switch(source))
    return true
  }

  heartbeat(): void {
    this.#use((source) => source.heartbeat())
  }

  /** A task has come. */
  received(request: Request): void {
    this.#sent?.received(request.shown, request.delivery.queue)
  }

  /** Before its end is written: see there. */
  ending({ id, facts }: Request, outcome: Outcome): void {
    if (outcome.kind === 'retry' || outcome.kind === 'snooze') this.#sent?.retried(id, outcome, facts.concealed)
  }

  /** An event that a task sends. */
  custom(type: string, id: string, fields: Readonly<Record<string, unknown>>): void {
    this.#use((source) => source.custom(type, id, fields))
  }

  #switch(source: WorkerEventSource): void {
    if (this.#enabled) source.enable()
    else source.disable()
    this.#sent = this.#enabled ? source : undefined
  }

  /** In the order of the calls. The first one also begins the heartbeats, unless they are off. */
  #use(action: (source: WorkerEventSource) => void): void {
    if (!this.#isRunning) return
    this.#source ??= this.#load()
    const { signals } = this.#parts.app
    this.#source
      .then(action)
      .catch((error: unknown) => signals.emit('worker:error', { error, doing: 'sending events' }))
  }

  async #load(): Promise<WorkerEventSource> {
    const { WorkerEventSource } = await import('../events/workerSource.ts')
    const { app, state, hostname, interval = DEFAULT_INTERVAL_MS } = this.#parts
    const { logicalClock, signals } = app
    const { clock, logger } = app.config
    const source = new WorkerEventSource({
      ...{ hostname, clock, logger, logicalClock, signals },
      broker: async () => (await app.stores()).broker,
      active: () => state.running.size,
      processed: () => [...state.totals.values()].reduce((sum, count) => sum + count, 0),
    })
    if (interval > 0) source.begin(interval)
    return source
  }
}
