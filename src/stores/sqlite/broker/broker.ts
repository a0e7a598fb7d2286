import type {
  Broker,
  ConsumeOptions,
  Consumer,
  Delivery,
  PublishOptions,
  Purged,
  Queue,
  Route,
} from '../../../broker/broker.ts'
import { sqliteUrl } from '../../../broker/schemes.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { sqlitePath } from '../database.ts'
import { SqliteStore } from '../file.ts'
import { SqliteConsumer } from './consumer.ts'
import { SqliteDelivery } from './delivery.ts'
import { LeaseRenewer } from './leaseRenewer.ts'
import { Leases } from './leases.ts'
import { Messages, type PurgeStep } from './messages.ts'

export interface SqliteOptions {
  /** How long a silent consumer keeps what it holds, ms. */
  readonly lease: number
  /** How long a write waits for other processes, ms. Default 30 s. */
  readonly storeTimeout?: number
}

/** Messages in one SQLite file that several processes share: nothing to install, nothing to run. */
export class SqliteBroker implements Broker {
  readonly url: string
  readonly first = 'highest'
  readonly store: SqliteStore
  readonly messages: Messages
  readonly #leases: Leases
  readonly #renewer: LeaseRenewer
  readonly #lease: number
  readonly #consumers = new Set<SqliteConsumer>()

  constructor(url: string, { lease, storeTimeout }: SqliteOptions) {
    const path = sqlitePath(url)
    this.url = sqliteUrl(path)
    this.store = new SqliteStore(path, storeTimeout)
    this.store.hold()
    this.messages = new Messages(this.store)
    this.#leases = new Leases(this.store.db)
    this.#lease = lease
    this.#renewer = new LeaseRenewer({ path: this.store.path, lease })
  }

  publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void> {
    return this.store.writer.write(() => this.messages.publish(envelope, route, options))
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    await this.#renewer.open()
    const parts = {
      store: this.store,
      messages: this.messages,
      leases: this.#leases,
      renewer: this.#renewer,
      lease: this.#lease,
      consumers: this.#consumers,
    }
    return new SqliteConsumer(parts, queues, options).start()
  }

  /** As a consumer of one message that lives for one lease: should we die before it is settled, it waits again. */
  async take(taskId: string): Promise<Delivery | undefined> {
    return this.store.writer.write(() => {
      const owner = this.#leases.register('take', this.#lease, Date.now())
      const row = this.messages.take(owner, taskId)
      if (!row) this.#leases.endSome(owner)
      return row && new SqliteDelivery(this, row, owner, () => undefined)
    })
  }

  size(queue: string): Promise<number> {
    return this.store.read(() => this.messages.size(queue))
  }

  async workers(): Promise<number> {
    return this.store.read(() => this.#leases.listeners(CONTROL_EXCHANGE, Date.now()))
  }

  async purge(queue: string): Promise<Purged> {
    const taskIds: string[] = []
    let count = 0
    for (let next: PurgeStep['next'], done = false; !done; ) {
      const step: PurgeStep = await this.store.writer.write(() => this.messages.purge(queue, next))
      count += step.dropped.length
      for (const { task_id } of step.dropped) if (task_id !== null) taskIds.push(task_id)
      next = step.next
      done = step.done
    }
    return { count, taskIds }
  }

  async close(): Promise<void> {
    try {
      await Promise.all([...this.#consumers].map((consumer) => consumer.release()))
    } finally {
      await this.#renewer.close()
      await this.store.release()
    }
  }
}
