import type { Backlog } from '../../../broker/backlog.ts'
import {
  type Broker,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type FoundMessage,
  MAX_PURGED_PARTS,
  type MessageBytes,
  type MessageChange,
  type PublishOptions,
  type Purged,
  type Queue,
  type Route,
} from '../../../broker/broker.ts'
import type { LimitStore } from '../../../broker/limits.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { packedBytes } from '../../../protocol/packedMessage.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import { Gather } from '../connection/gather.ts'
import type { Session } from '../connection/session.ts'
import { PostgresConsumer } from './consumer.ts'
import { type EndKind, type Hold, type Holder, PostgresDelivery } from './delivery.ts'
import { DueMessages } from './dueMessages.ts'
import { PostgresLimits } from './limits.ts'
import { Messages, type MessageWrite } from './messages.ts'
import { Notices } from './notices.ts'
import { Settler } from './settler.ts'
import { WaitingMessages } from './waitingMessages.ts'

export interface PostgresOptions {
  /** How long a silent consumer keeps the messages that it holds, ms. */
  readonly lease: number
  /** Whose moments delays are. Leases go by the server's clock. Default: the system's. */
  readonly clock?: Clock
}

/** Messages in a PostgreSQL database. */
export class PostgresBroker implements Broker, Holder {
  readonly url: string
  readonly note?: string
  readonly first = 'highest'
  readonly database: Database
  readonly messages: Messages
  readonly settler: Settler
  readonly waiting: WaitingMessages
  readonly limits: LimitStore
  readonly bytes: MessageBytes = {
    waiting: async (queue) => {
      const { bytesIn } = await import('./backlog.ts')
      return bytesIn(this.database, queue)
    },
    of: packedBytes,
  }
  readonly #session: Session
  readonly #lease: number
  readonly #notices: Notices
  readonly #due: DueMessages
  readonly #clock: Clock
  readonly #consumers = new Set<PostgresConsumer>()
  readonly #publishing = new Gather<MessageWrite, void>(async (writes, since) => {
    await this.database.run(this.messages.steps(writes), { since })
    return writes.map(() => undefined)
  })

  /** `close` leaves `database` and `session` open. */
  constructor(database: Database, session: Session, { lease, clock = systemClock }: PostgresOptions) {
    this.database = database
    this.url = database.url
    this.#session = session
    if (!session.pushes) this.note = 'behind a pool of connections: looks for messages each second, without LISTEN'
    this.#lease = lease
    this.#clock = clock
    this.limits = new PostgresLimits(database, session, clock)
    this.#notices = new Notices(database)
    this.messages = new Messages(clock, this.#notices)
    this.settler = new Settler(database, this.#notices, clock)
    this.#due = new DueMessages(database, clock)
    this.waiting = new WaitingMessages(database, clock, this.#notices)
  }

  publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void> {
    return this.#publishing.add({ envelope, route, options })
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    await this.#session.open()
    const parts = {
      database: this.database,
      session: this.#session,
      settler: this.settler,
      due: this.#due,
      clock: this.#clock,
      lease: this.#lease,
      consumers: this.#consumers,
    }
    return new PostgresConsumer(parts, queues, options).start()
  }

  /**
   * Claimed by a new consumer of one message, whose lease is not renewed: if this process dies before it settles the
   * message, the message is rescued.
   */
  async take(taskId: string): Promise<Delivery | undefined> {
    const taken = await this.waiting.take(taskId, this.#lease)
    return taken && new PostgresDelivery(taken.message, taken.consumer, this)
  }

  end(hold: Hold, kind: EndKind): Promise<boolean> {
    return this.settler.end({ hold, kind })
  }

  settling(): void {
    // A message that was taken out of turn has no slot.
  }

  find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    return this.waiting.find(taskId, queue)
  }

  change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    return this.waiting.change(taskId, queue, change)
  }

  size(queue: string): Promise<number> {
    return this.waiting.size(queue)
  }

  async oldest(queue: string, count: number): Promise<readonly string[]> {
    const { oldestIn } = await import('./backlog.ts')
    return oldestIn(this.database, queue, count)
  }

  async peek(queue: string, count: number): Promise<readonly Envelope[]> {
    const { peekIn } = await import('./backlog.ts')
    return peekIn(this.database, queue, count)
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const { readBacklog } = await import('./backlog.ts')
    return readBacklog(this.database, queues)
  }

  async workers(): Promise<number> {
    const steps = [{ statement: WORKERS, values: [CONTROL_EXCHANGE] }]
    const [[row] = []] = await this.database.run(steps, { repeatable: true })
    return Number(row?.[0])
  }

  async purge(queue: string): Promise<Purged> {
    const taskIds: string[] = []
    const parts: Envelope[] = []
    let count = 0
    for await (const dropped of this.waiting.purge(queue)) {
      count += dropped.length
      for (const { taskId, part } of dropped) {
        if (taskId !== null) taskIds.push(taskId)
        if (part && parts.length < MAX_PURGED_PARTS) parts.push(part)
      }
    }
    return { count, taskIds, parts }
  }

  async close(): Promise<void> {
    this.#due.close()
    try {
      await Promise.all([...this.#consumers].map((consumer) => consumer.release()))
    } finally {
      this.settler.close()
      // Last: what the consumers have returned is notified of, too.
      await this.#notices.close()
    }
  }
}

/** Live consumers with a transient queue that is bound to the exchange. */
const WORKERS = {
  name: 'workers',
  text: `SELECT count(*) FROM celeriac.binding JOIN celeriac.consumer ON consumer.id = binding.consumer
    WHERE binding.exchange = $1 AND consumer.lease_until >= now()`,
}
