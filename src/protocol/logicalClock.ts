/**
 * Lamport's clock, as Celery keeps one for each process: it orders the events and the commands of a cluster whatever
 * the clocks of its machines say (celery-wire §5.1).
 */
export class LogicalClock {
  #value = 0

  /** The value of the last step. */
  get value(): number {
    return this.#value
  }

  /** A step of this process, as before a message is sent. Returns the new value. */
  forward(): number {
    this.#value += 1
    return this.#value
  }

  /** A message came whose sender was at `other`; what is no safe whole number is ignored. Returns the new value. */
  adjust(other: unknown): number {
    const theirs = typeof other === 'number' && Number.isSafeInteger(other) ? other : 0
    this.#value = Math.max(this.#value, theirs) + 1
    return this.#value
  }
}
