import type { ConsumeOptions, Queue } from '../../../broker/broker.ts'
import { type ConsumerParts, SqliteConsumer } from './consumer.ts'
import { LaneSweeper } from './laneSweeper.ts'
import { LeaseRenewer } from './leaseRenewer.ts'

/** The consumers of a process, and what they share. */
export class SqliteConsumers {
  readonly #parts: ConsumerParts

  constructor(parts: Omit<ConsumerParts, 'sweeper' | 'renewer' | 'consumers'>) {
    const { file, clock, lease } = parts
    this.#parts = {
      ...parts,
      sweeper: new LaneSweeper(file, clock),
      renewer: new LeaseRenewer({ path: file.path, lease }),
      consumers: new Set(),
    }
  }

  async open(queues: readonly Queue[], options: ConsumeOptions): Promise<SqliteConsumer> {
    await this.#parts.renewer.open()
    return new SqliteConsumer(this.#parts, queues, options).start()
  }

  async close(): Promise<void> {
    const { sweeper, renewer, consumers } = this.#parts
    try {
      sweeper.close()
      await Promise.all([...consumers].map((consumer) => consumer.release()))
    } finally {
      await renewer.close()
    }
  }
}
