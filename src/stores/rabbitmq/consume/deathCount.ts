import type { AmqpDelivery } from './delivery.ts'

export interface DeathCountParts {
  /** Hold it by a copy that counts. */
  renew(delivery: AmqpDelivery): Promise<void>
  /** Take it now. */
  ready(delivery: AmqpDelivery): void
}

/**
 * What came back without a word why is held by a copy before it is begun, so that it is known how often its holders died: classic queues do
 * not count, and quorum queues count what was given back on purpose as well. None of it is handed on before all of it is copied: it may be
 * what kills workers, and to die between copy and acknowledgement of the others would double them.
 */
export class DeathCount {
  readonly #parts: DeathCountParts
  #waiting: AmqpDelivery[] = []
  #busy = false
  #running: Promise<void> = Promise.resolve()

  constructor(parts: DeathCountParts) {
    this.#parts = parts
  }

  /** While this is so, whatever else comes has to wait its turn here. */
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
