import type { Broker } from '../broker/broker.ts'
import { EVENT_EXCHANGE, type Event, eventEnvelope, TASK_EVENTS_KEY } from '../protocol/event.ts'
import type { LogicalClock } from '../protocol/logicalClock.ts'
import type { Clock } from '../std/clock.ts'
import { withDeadline } from '../std/deadline.ts'
import type { Logger } from '../std/log.ts'
import { asError } from '../std/thrown.ts'

/** How long events of tasks are gathered for one message, ms. */
const GATHER_MS = 5

/**
 * Events of tasks in one message. Celery sends 24, and its receivers take any number. With 100 results of 1,024
 * characters a message has about 130 KB, which a receiver reads in a millisecond.
 */
export const MAX_EVENTS_PER_MESSAGE = 100

/**
 * Characters of events that wait for the broker, as while it is unavailable; those that follow are dropped. A worker of
 * 20,000 short tasks a second fills this in two seconds.
 */
const MAX_WAITING = 32 * 1024 * 1024

/** How long the last events may take when their sender ends, ms. */
const CLOSE_MS = 1000

/** What sends events. */
export interface DispatcherParts {
  /** Its name: of a worker, or `gen123@host`. */
  readonly hostname: string
  broker(): Promise<Broker>
  readonly clock: Clock
  readonly logicalClock: LogicalClock
  readonly logger: Logger
}

/** A message that is gathered, or waits. */
interface Parcel {
  readonly routingKey: string
  /** One, or those of tasks that follow each other. */
  readonly events: Event[]
}

/**
 * Sends events, in their order, at most once. Nothing waits for it: what the broker does not take is dropped, counted,
 * and reported once for each outage.
 */
export class EventDispatcher {
  readonly #parts: DispatcherParts
  #gathered: Parcel[] = []
  #stopTimer: (() => void) | undefined
  /** Characters that the broker has not yet taken. */
  #waiting = 0
  #sending: Promise<unknown> = Promise.resolve()
  /** Events that were dropped in this outage. */
  #lost = 0

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  /** `fields`: JSON, which is not changed later. Never throws. */
  send(type: string, fields: Readonly<Record<string, unknown>>): void {
    const { hostname, clock, logicalClock } = this.#parts
    const timestamp = clock.now() / 1000
    // The one spread comes first: V8 copies such an object at once, and any other by each of its fields.
    const event = { ...fields, type, hostname, pid: process.pid, clock: logicalClock.forward(), timestamp }
    this.#parcelFor(type).events.push(event)
    this.#stopTimer ??= clock.after(GATHER_MS, () => this.flush())
  }

  /** Give the broker what is gathered, now. */
  flush(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const parcels = this.#gathered
    this.#gathered = []
    this.#sending = Promise.all([this.#sending, ...parcels.map((parcel) => this.#publish(parcel))])
  }

  /** Resolves when all is sent, or after a second: the broker may be unavailable. */
  async close(): Promise<void> {
    this.flush()
    await withDeadline(this.#sending, CLOSE_MS, () => undefined)
  }

  #parcelFor(type: string): Parcel {
    const isOfTask = type.startsWith('task-')
    const last = this.#gathered.at(-1)
    if (isOfTask && last?.routingKey === TASK_EVENTS_KEY && last.events.length < MAX_EVENTS_PER_MESSAGE) return last
    const parcel = { routingKey: isOfTask ? TASK_EVENTS_KEY : type.replaceAll('-', '.'), events: [] }
    this.#gathered.push(parcel)
    return parcel
  }

  /** Never rejects. */
  async #publish(parcel: Parcel): Promise<void> {
    const { length } = parcel.events
    if (this.#waiting > MAX_WAITING) {
      this.#drop(length, 'too many wait for the broker')
      return
    }
    try {
      await this.#deliver(parcel)
      this.#recovered()
    } catch (error) {
      this.#drop(length, asError(error).message)
    }
  }

  async #deliver({ routingKey, events }: Parcel): Promise<void> {
    const { hostname } = this.#parts
    const envelope = eventEnvelope(routingKey === TASK_EVENTS_KEY ? events : (events[0] as Event), hostname)
    const { length } = envelope.body
    this.#waiting += length
    try {
      const broker = await this.#parts.broker()
      await broker.publish(envelope, { exchange: EVENT_EXCHANGE, routingKey })
    } finally {
      this.#waiting -= length
    }
  }

  #drop(count: number, reason: string): void {
    if (this.#lost === 0)
      this.#parts.logger.warn(
        {},
        `events of ${this.#parts.hostname} are dropped until the broker takes them: ${reason}`,
      )
    this.#lost += count
  }

  #recovered(): void {
    if (this.#lost === 0) return
    this.#parts.logger.info({}, `the broker takes events of ${this.#parts.hostname} again; ${this.#lost} were dropped`)
    this.#lost = 0
  }
}
