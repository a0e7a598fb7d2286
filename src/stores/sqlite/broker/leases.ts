import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Queue } from '../../../broker/broker.ts'
import { changeWindow } from '../window.ts'

/** The lease of a consumer. */
export interface Lease {
  readonly id: number
  /** ms since the epoch, by the clock of its process. */
  readonly until: number
  /** How long it must not have been renewed to count as dead, ms; null: it is not expired. */
  readonly patience: number | null
}

/** Writes which queue gets what is sent to which exchange. For use inside a transaction. */
export class Bindings {
  readonly #insert: StatementSync

  constructor(db: Pick<DatabaseSync, 'prepare'>) {
    this.#insert = db.prepare(
      `INSERT INTO celeriac_binding (exchange, queue, routing_key, consumer) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET routing_key = excluded.routing_key, consumer = excluded.consumer`,
    )
  }

  /** `consumer`: with which transient queues end. A pattern is a routing key with words for any word. */
  bind(queues: readonly Queue[], consumer: number | null): void {
    for (const { name, bindings = [], transient } of queues) {
      const owner = transient ? consumer : null
      // The binding to '' delivers nothing: it records the owner of the transient queue.
      if (transient) this.#insert.run('', name, null, owner)
      for (const { exchange, kind, routingKey = '' } of bindings)
        this.#insert.run(exchange, name, kind === 'fanout' ? null : routingKey, owner)
    }
  }
}

/** Every statement on consumers and on what ends with them. Those that write are for use inside a transaction. */
export class Leases {
  readonly #register: StatementSync
  readonly #alive: StatementSync
  readonly #renew: StatementSync
  readonly #end: StatementSync
  readonly #bindings: Bindings
  readonly #all: StatementSync
  readonly #loseSome: StatementSync
  readonly #db: DatabaseSync
  #dropSome: StatementSync | undefined
  readonly #unbind: StatementSync
  readonly #listeners: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#register = db.prepare('INSERT INTO celeriac_consumer (name, lease, lease_until) VALUES (?, ?, ?)')
    this.#alive = db.prepare('SELECT 1 FROM celeriac_consumer WHERE id = ?')
    this.#renew = db.prepare('UPDATE celeriac_consumer SET lease_until = ? WHERE id = ?')
    this.#end = db.prepare('DELETE FROM celeriac_consumer WHERE id = ?')
    this.#bindings = new Bindings(db)
    // A lease is renewed each quarter of it. One is late, or the clock of its process is an hour behind: not yet dead.
    this.#all = db.prepare(`SELECT id, lease_until AS until,
      CASE WHEN lease_until < ? THEN 0.45 * lease WHEN lease_until > ? + lease THEN lease END AS patience
      FROM celeriac_consumer`)
    this.#loseSome = db.prepare(`UPDATE celeriac_message SET owner = NULL, lost = lost + 1 WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE owner = ? LIMIT ? + 0
    )`)
    this.#unbind = db.prepare('DELETE FROM celeriac_binding WHERE consumer = ?')
    this.#listeners = db.prepare(
      `SELECT count(*) AS count FROM celeriac_binding
      JOIN celeriac_consumer ON celeriac_consumer.id = celeriac_binding.consumer
      WHERE celeriac_binding.exchange = ? AND celeriac_consumer.lease_until >= ?`,
    )
  }

  /** A new consumer's id; its lease lasts for `lease` ms, then as long as it is renewed. */
  register(name: string, lease: number, now: number): number {
    return Number(this.#register.run(name, lease, now + lease).lastInsertRowid)
  }

  alive(id: number): boolean {
    return this.#alive.get(id) !== undefined
  }

  /** Bind queues to their exchanges; a transient queue ends with its consumer. */
  bind(queues: readonly Queue[], consumer: number): void {
    this.#bindings.bind(queues, consumer)
  }

  /** True when the consumer still existed. */
  renew(id: number, until: number): boolean {
    return Number(this.#renew.run(until, id).changes) === 1
  }

  /** How many live consumers have a transient queue that is bound to the exchange. */
  listeners(exchange: string, now: number): number {
    return (this.#listeners.get(exchange, now) as { count: number }).count
  }

  /**
   * All consumers. Expired are those whose lease is over, and those whose lease ends later than a renewal made now
   * would: the clock was set back since their last renewal. A consumer that lives renews its lease within one lease.
   */
  all(now: number): Lease[] {
    return this.#all.all(now, now) as unknown as Lease[]
  }

  /**
   * A consumer died: the messages that it held wait again, counted as lost; as many as fit a window. Returns true where
   * there is more to do.
   */
  loseSome(id: number): boolean {
    return changeWindow((limit) => Number(this.#loseSome.run(id, limit).changes)) || this.endSome(id)
  }

  /**
   * A consumer ended that holds no message any more: its transient queues are dropped too; as much as fits a window.
   * Returns true where there is more to do.
   */
  endSome(id: number): boolean {
    const dropSome = this.#dropWaiting
    if (changeWindow((limit) => Number(dropSome.run(id, id, limit).changes))) return true
    this.#unbind.run(id)
    this.#end.run(id)
    return false
  }

  /** What waits in the transient queues of a consumer, and in their lanes. */
  get #dropWaiting(): StatementSync {
    this.#dropSome ??= this.#db.prepare(`DELETE FROM celeriac_message WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE owner IS NULL AND due IS NULL
      AND queue IN (SELECT queue FROM celeriac_binding WHERE consumer = ? UNION ALL
        SELECT name FROM celeriac_lane WHERE queue IN (SELECT queue FROM celeriac_binding WHERE consumer = ?)
      ) LIMIT ? + 0
    )`)
    return this.#dropSome
  }
}
