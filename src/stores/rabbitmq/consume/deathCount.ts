import type { AmqpDelivery } from './delivery.ts'

export interface DeathCountParts {
  /** Hold it by a copy that counts. */
  renew(delivery: AmqpDelivery): Promise<void>
  /** Start it now. */
  ready(delivery: AmqpDelivery): void
}

/**
 * A message that was redelivered without a reason is held by a copy before it is started, so that it is known how often
 * its holders died: classic queues do not count, and quorum queues count released messages as well. No message is
 * passed on before all are copied: one of them may kill workers, and a death between copy and acknowledgement of the
 * others would duplicate them.
 */
export class DeathCount {
  readonly #parts: DeathCountParts
  #waiting: AmqpDelivery[] = []
  #busy = false
  #running: Promise<void> = Promise.resolve()

  constructor(parts: DeathCountParts) {
    this.#parts = parts
  }

  /** While this is true, all other deliveries have to wait here. */
  get busy(): boolean {
    return this.#busy
  }

  add(delivery: AmqpDelivery): void {
    this.#waiting.push(delivery)
    if (!this.#busy) this.#running = this.#run()
  }

  /** Resolves when none is being copied. */
  idle(): Promise<void> {
    return this.#running
  }

  async #run(): Promise<void> {
    this.#busy = true
    const ready: AmqpDelivery[] = []
    while (this.#waiting.length > 0) {
      const some = this.#waiting
      this.#waiting = []
      await Promise.all(some.map((delivery) => (delivery.suspect ? this.#parts.renew(delivery) : undefined)))
      ready.push(...some)
    }
    this.#busy = false
    for (const delivery of ready) this.#parts.ready(delivery)
  }
}
