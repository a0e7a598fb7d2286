import assert from 'node:assert/strict'
import type { Consumer, Delivery } from '../broker/broker.ts'
import { stays, within } from './kit.ts'

/** Reads a consumer one by one, so that a case can say what comes and what must not. */
export class Reader {
  readonly #iterator: AsyncIterator<Delivery>
  #next: Promise<IteratorResult<Delivery>> | undefined

  constructor(consumer: Consumer) {
    this.#iterator = consumer[Symbol.asyncIterator]()
  }

  /** The next delivery; fails when none comes. */
  async next(): Promise<Delivery> {
    const { done, value } = await within('a delivery', this.#peek())
    this.#next = undefined
    assert.notEqual(done, true, 'expected a delivery, got the end of the iteration')
    return value as Delivery
  }

  async take(count: number): Promise<Delivery[]> {
    const found: Delivery[] = []
    while (found.length < count) found.push(await this.next())
    return found
  }

  /** Nothing comes for a while. What comes later goes to `next`. */
  async nothing(): Promise<void> {
    const open = await stays(this.#peek())
    assert.ok(open, 'expected nothing to come')
  }

  /** The iteration has ended. */
  async end(): Promise<void> {
    const { done } = await within('the end of the iteration', this.#peek())
    assert.equal(done, true, 'expected the end of the iteration, got a delivery')
  }

  #peek(): Promise<IteratorResult<Delivery>> {
    this.#next ??= this.#iterator.next()
    return this.#next
  }
}
