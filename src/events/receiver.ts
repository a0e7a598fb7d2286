import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { Consumer, Delivery } from '../broker/broker.ts'
import { controlRequest } from '../protocol/control.ts'
import { EVENT_BINDING, type Event, readEvents } from '../protocol/event.ts'
import { Emitter } from '../std/emitter.ts'
import { uuid } from '../std/id.ts'
import { requireNode } from '../std/node.ts'
import { readOptions } from '../std/optionTable.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { Capture } from './capture.ts'
import { Cluster } from './cluster.ts'
import { RECEIVER_OPTIONS, type ReceiverOptions } from './receiverOptions.ts'

export type { Event } from '../protocol/event.ts'
export type { Capture } from './capture.ts'
export type { Cluster } from './cluster.ts'
export type { ClusterTask } from './clusterTask.ts'
export type { ClusterWorker } from './clusterWorker.ts'
export type { ReceiverOptions } from './receiverOptions.ts'

requireNode()

/** Messages that a store may deliver before the first of them is taken. */
const PREFETCH = 500

/**
 * Receives the events of a cluster: those of all workers on an app's broker, ours and Celery's, and folds them into the
 * state of the cluster. It takes no message of a task, and any number may run.
 */
export class EventReceiver implements Service {
  /** What the events of this run, and of those before it, say. */
  readonly cluster: Cluster
  readonly #app: App
  readonly #wakeUp: boolean
  readonly #listeners: Emitter<{ event: Event }>
  readonly #captures = new Set<Capture>()
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #consumer: Consumer | undefined
  #unreadable = 0

  /** Throws ArgumentError for options that cannot be. Nothing is received before `start`. */
  constructor(app: App, options: ReceiverOptions = {}) {
    const { wakeUp, ...limits } = readOptions(RECEIVER_OPTIONS, options, 'EventReceiver', '')
    const { clock, logger } = app.config
    this.#app = app
    this.#wakeUp = wakeUp
    this.cluster = new Cluster(limits, clock)
    this.#listeners = new Emitter((error) => logger.error({ err: error }, 'a listener of events threw'))
  }

  /** Why no events come, while the store fails; undefined while it is well. */
  get problem(): Error | undefined {
    return this.#consumer?.problem
  }

  /** How many messages could not be read, or were too large. `cluster.refused` counts the events that were none. */
  get unreadable(): number {
    return this.#unreadable
  }

  /** Called with each event, after it is folded. The returned function ends it. */
  onEvent(listener: (event: Event) => unknown): () => void {
    return this.#listeners.on('event', listener)
  }

  /**
   * The events from now on, in their order, until its `return` or the stop of the receiver. Keeps the last 10,000 for a
   * reader that is slower; `missed` counts the others.
   */
  capture(): Capture {
    const capture = new Capture(() => this.#captures.delete(capture))
    this.#captures.add(capture)
    return capture
  }

  /** Resolves when it receives what is sent from now on. Rejects with StoreUnavailableError. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** Ends its captures too. */
  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { broker } = await internalsOf(this.#app).stores()
    const id = uuid()
    const queue = { name: `celeryev.${id}`, bindings: [EVENT_BINDING], transient: true }
    const consumer = await broker.consume([queue], { prefetch: PREFETCH, name: `events@${id}` })
    this.#consumer = consumer
    const loop = this.#receive(consumer)
    run.defer(async () => {
      // Where the store is unavailable, the queue expires by itself.
      await consumer.release().catch(() => undefined)
      await loop
      for (const capture of [...this.#captures]) await capture.return()
    })
    if (!this.#wakeUp) return
    const { envelope, route } = controlRequest({ method: 'heartbeat', arguments: {} })
    await broker.publish(envelope, route)
  }

  async #receive(consumer: Consumer): Promise<void> {
    for await (const delivery of consumer) {
      this.#take(delivery)
      // What is not acknowledged now is delivered again, or is dropped by its age: an event may be lost.
      delivery.ack().catch(() => undefined)
    }
  }

  #take(delivery: Delivery): void {
    let events: readonly unknown[]
    try {
      events = readEvents(delivery.envelope)
    } catch {
      this.#unreadable++
      return
    }
    for (const value of events) {
      const event = this.cluster.fold(value)
      if (!event) continue
      this.#listeners.emit('event', event)
      for (const capture of this.#captures) capture.push(event)
    }
  }
}
