import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Queue } from '../../../broker/broker.ts'

/** Writes which queue gets what is sent to which exchange. For use inside a transaction. */
export class Bindings {
  readonly #insert: StatementSync

  constructor(db: DatabaseSync) {
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
