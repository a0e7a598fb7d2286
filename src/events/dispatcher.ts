import type { Broker } from '../broker/broker.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { EVENT_EXCHANGE, type Event, eventMessage, taskEventsMessage } from '../protocol/event.ts'
import type { LogicalClock } from '../protocol/logicalClock.ts'
import type { Clock } from '../std/clock.ts'
import { withDeadline } from '../std/deadline.ts'
import type { Logger } from '../std/log.ts'

/**
 * Events of tasks in one message. All that come in one turn of the event loop go together; a worker of short tasks ends
 * up to a hundred in a turn. Celery sends 24, and its receivers take any number. With 100 results of 1,024 characters a
 * message has about 130 KB, which a receiver reads in a millisecond.
 */
export const MAX_EVENTS_PER_MESSAGE = 100

/**
 * Events that wait for the broker, as while it is unavailable; those that follow are dropped. At 2 KB each, 20 MB. The
 * broker of a busy worker takes them in two seconds.
 */
const MAX_WAITING = 10_000

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

type Fields = Readonly<Record<string, unknown>>

/**
 * Sends events, in their order, at most once. Nothing waits for it: what the broker does not take is dropped, counted,
 * and reported once for each outage.
 */
export class EventDispatcher {
  readonly #parts: DispatcherParts
  #waiting: Event[] = []
  #sending: Promise<void> | undefined
  #dropped = 0
  /** Of this outage. */
  #lost = 0

  constructor(parts: DispatcherParts) {
    this.#parts = parts
  }

  /** How many events the broker did not take, since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** `fields`: JSON, which is not changed later. Never throws. */
  send(type: string, fields: Fields): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#drop(1, 'too many wait for the broker')
      return
    }
    const { hostname, clock, logicalClock } = this.#parts
    const timestamp = clock.now() / 1000
    // The one spread comes first: V8 copies such an object at once, and any other by each of its fields.
    this.#waiting.push({ ...fields, type, hostname, pid: process.pid, clock: logicalClock.forward(), timestamp })
    this.#sending ??= this.#send()
  }

  /** Resolves when all is sent, or after a second: the broker may be unavailable. */
  async close(): Promise<void> {
    await withDeadline(this.#sending ?? Promise.resolve(), CLOSE_MS, () => undefined)
    this.#waiting = []
  }

  async #send(): Promise<void> {
    // The events of this turn.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const [count, { envelope, routingKey }] = this.#take()
      try {
        const broker = await this.#parts.broker()
        await broker.publish(envelope, { exchange: EVENT_EXCHANGE, routingKey })
        this.#recovered()
      } catch (error) {
        this.#drop(count, error instanceof Error ? error.message : String(error))
      }
    }
    this.#sending = undefined
  }

  /** The next message: one event, or those of tasks that follow each other. */
  #take(): [count: number, message: { readonly envelope: Envelope; readonly routingKey: string }] {
    const first = this.#waiting[0] as Event
    if (!isOfTask(first)) {
      this.#waiting.shift()
      return [1, eventMessage(first)]
    }
    let count = 1
    while (count < MAX_EVENTS_PER_MESSAGE && count < this.#waiting.length && isOfTask(this.#waiting[count] as Event))
      count++
    return [count, taskEventsMessage(this.#waiting.splice(0, count), first.hostname)]
  }

  #drop(count: number, reason: string): void {
    if (this.#lost === 0)
      this.#parts.logger.warn(
        {},
        `events of ${this.#parts.hostname} are dropped until the broker takes them: ${reason}`,
      )
    this.#lost += count
    this.#dropped += count
  }

  #recovered(): void {
    if (this.#lost === 0) return
    this.#parts.logger.info({}, `the broker takes events of ${this.#parts.hostname} again; ${this.#lost} were dropped`)
    this.#lost = 0
  }
}

function isOfTask({ type }: Event): boolean {
  return type.startsWith('task-')
}
