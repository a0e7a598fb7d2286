import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Queue } from '../broker.ts'

export interface Expired {
  readonly id: number
  readonly until: number
}

/** Every statement on consumers and what hangs on their lives. Those that write are for use inside a transaction. */
export class Leases {
  readonly #register: StatementSync
  readonly #alive: StatementSync
  readonly #renew: StatementSync
  readonly #end: StatementSync
  readonly #bind: StatementSync
  readonly #expired: StatementSync
  readonly #lose: StatementSync
  readonly #orphans: StatementSync
  readonly #dropQueue: StatementSync
  readonly #unbind: StatementSync
  readonly #listeners: StatementSync

  constructor(db: DatabaseSync) {
    this.#register = db.prepare('INSERT INTO consumer (name, lease, lease_until) VALUES (?, ?, ?)')
    this.#alive = db.prepare('SELECT 1 FROM consumer WHERE id = ?')
    this.#renew = db.prepare('UPDATE consumer SET lease_until = ? WHERE id = ?')
    this.#end = db.prepare('DELETE FROM consumer WHERE id = ?')
    this.#bind = db.prepare(
      `INSERT INTO binding (exchange, queue, routing_key, consumer) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET routing_key = excluded.routing_key, consumer = excluded.consumer`,
    )
    this.#expired = db.prepare('SELECT id, lease_until AS until FROM consumer WHERE lease_until < ?')
    this.#lose = db.prepare('UPDATE message SET owner = NULL, lost = lost + 1 WHERE owner = ?')
    this.#orphans = db.prepare('SELECT DISTINCT queue FROM binding WHERE consumer = ?')
    this.#dropQueue = db.prepare('DELETE FROM message WHERE queue = ?')
    this.#unbind = db.prepare('DELETE FROM binding WHERE consumer = ?')
    this.#listeners = db.prepare(
      `SELECT count(*) AS count FROM binding JOIN consumer ON consumer.id = binding.consumer
      WHERE binding.exchange = ? AND consumer.lease_until >= ?`,
    )
  }

  /** A new consumer's id; it lives for `lease` ms, then as long as it is renewed. */
  register(name: string, lease: number, now: number): number {
    return Number(this.#register.run(name, lease, now + lease).lastInsertRowid)
  }

  alive(id: number): boolean {
    return this.#alive.get(id) !== undefined
  }

  /** Bind queues to their exchanges; a transient one goes with its consumer. */
  bind(queues: readonly Queue[], consumer: number): void {
    for (const { name, bindings = [], transient } of queues) {
      const owner = transient ? consumer : null
      // The binding to '' feeds nothing: it says whose the transient queue is.
      if (transient) this.#bind.run('', name, null, owner)
      for (const { exchange, kind, routingKey = '' } of bindings) {
        this.#bind.run(exchange, name, kind === 'fanout' ? null : routingKey, owner)
      }
    }
  }

  /** True when it was alive still. */
  renew(id: number, until: number): boolean {
    return Number(this.#renew.run(until, id).changes) === 1
  }

  /** How many live consumers have a transient queue that is bound to the exchange. */
  listeners(exchange: string, now: number): number {
    return (this.#listeners.get(exchange, now) as { count: number }).count
  }

  /** Consumers whose lease ran out, and when. */
  expired(now: number): Expired[] {
    return this.#expired.all(now) as unknown as Expired[]
  }

  /** A consumer died: what it held waits again, marked. */
  lose(id: number): void {
    this.#lose.run(id)
    this.end(id)
  }

  /** A consumer ended: its transient queues go too. */
  end(id: number): void {
    for (const { queue } of this.#orphans.all(id) as unknown as { queue: string }[]) this.#dropQueue.run(queue)
    this.#unbind.run(id)
    this.#end.run(id)
  }
}
