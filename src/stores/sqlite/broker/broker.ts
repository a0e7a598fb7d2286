import type { Backlog } from '../../../broker/backlog.ts'
import type {
  Broker,
  ConsumeOptions,
  Consumer,
  Delivery,
  FoundMessage,
  MessageBytes,
  MessageChange,
  PublishOptions,
  Purged,
  Queue,
  Route,
} from '../../../broker/broker.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { EVENT_EXCHANGE } from '../../../protocol/event.ts'
import { packedBytes } from '../../../protocol/packedMessage.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import type { SqliteFile } from '../file.ts'
import type { SqliteConsumers } from './consumers.ts'
import { Lanes } from './lanes.ts'
import { Leases } from './leases.ts'
import { SqliteLimits } from './limits.ts'
import { Messages } from './messages.ts'
import type { WaitingMessages } from './waitingMessages.ts'

export interface SqliteOptions {
  /** How long a silent consumer keeps the messages that it holds, ms. */
  readonly lease: number
  /** Whose moments delays are. Leases always go by the system's clock. Default: the system's. */
  readonly clock?: Clock
}

/** Messages in one SQLite file that several processes share: nothing to install, nothing to run. */
export class SqliteBroker implements Broker {
  readonly url: string
  readonly first = 'highest'
  readonly file: SqliteFile
  readonly messages: Messages
  readonly limits: SqliteLimits
  readonly bytes: MessageBytes = {
    waiting: async (queue) => {
      const { amountIn } = await import('./backlog.ts')
      return (await amountIn(this.file, queue)).bytes
    },
    of: packedBytes,
  }
  readonly #lanes: Lanes
  #waiting: WaitingMessages | undefined
  readonly #leases: Leases
  readonly #lease: number
  readonly #clock: Clock
  /** Loaded by the first consumer: a process that calls has none. */
  #consumers: Promise<SqliteConsumers> | undefined

  /** `close` leaves `file` open. */
  constructor(file: SqliteFile, { lease, clock = systemClock }: SqliteOptions) {
    this.file = file
    this.url = file.url
    this.#lanes = new Lanes(file, clock)
    this.messages = new Messages(file, clock, this.#lanes)
    this.limits = new SqliteLimits(file, clock)
    this.#leases = new Leases(file.db)
    this.#lease = lease
    this.#clock = clock
  }

  async publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void> {
    // An event without a subscriber costs no transaction.
    if (route.exchange === EVENT_EXCHANGE && !(await this.file.read(() => this.messages.isBound(EVENT_EXCHANGE))))
      return
    return this.file.writer.write(() => this.messages.publish(envelope, route, options))
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    this.#consumers ??= this.#load()
    return (await this.#consumers).open(queues, options)
  }

  async #load(): Promise<SqliteConsumers> {
    const { SqliteConsumers } = await import('./consumers.ts')
    return new SqliteConsumers({
      file: this.file,
      messages: this.messages,
      lanes: this.#lanes,
      leases: this.#leases,
      lease: this.#lease,
      clock: this.#clock,
    })
  }

  /**
   * Claimed by a new consumer of one message, whose lease is not renewed: if this process dies before it settles the
   * message, the message is rescued.
   */
  async take(taskId: string): Promise<Delivery | undefined> {
    const { SqliteDelivery } = await import('./delivery.ts')
    return this.file.writer.write(() => {
      const owner = this.#leases.register('take', this.#lease, systemClock.now())
      const row = this.messages.take(owner, taskId)
      if (!row) this.#leases.endSome(owner)
      return row && new SqliteDelivery(this, row, owner, () => undefined)
    })
  }

  async find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    const waiting = await this.waiting()
    return this.file.read(() => waiting.find(taskId, queue))
  }

  async change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    const waiting = await this.waiting()
    return this.file.writer.write(() => waiting.change(taskId, queue, change))
  }

  /** Loaded when it is first needed: few processes change messages. */
  async waiting(): Promise<WaitingMessages> {
    const { WaitingMessages } = await import('./waitingMessages.ts')
    this.#waiting ??= new WaitingMessages(this.file, this.messages, this.#clock)
    return this.#waiting
  }

  async size(queue: string): Promise<number> {
    const { sizeOf } = await import('./backlog.ts')
    return this.file.read(() => sizeOf(this.file.db, queue))
  }

  async oldest(queue: string, count: number): Promise<readonly string[]> {
    const { oldestIn } = await import('./backlog.ts')
    return this.file.read(() => oldestIn(this.file.db, queue, count))
  }

  async peek(queue: string, count: number): Promise<readonly Envelope[]> {
    const { peekIn } = await import('./backlog.ts')
    return this.file.read(() => peekIn(this.file.db, queue, count))
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const { readBacklog } = await import('./backlog.ts')
    return this.file.read(() => readBacklog(this.file.db, queues))
  }

  async workers(): Promise<number> {
    return this.file.read(() => this.#leases.listeners(CONTROL_EXCHANGE, systemClock.now()))
  }

  async purge(queue: string): Promise<Purged> {
    const { Purge } = await import('./purge.ts')
    return new Purge(this.file, this.messages, queue).run()
  }

  async close(): Promise<void> {
    await (await this.#consumers)?.close()
  }
}
