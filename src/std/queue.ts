import { Deferred } from './deferred.ts'

/** An endless line between one who pushes and one who iterates: the push side never waits. */
export class AsyncQueue<Item> implements AsyncIterable<Item> {
  #items: Item[] = []
  #head = 0
  #waiting: Deferred<void> | undefined
  #ended = false

  push(item: Item): void {
    if (this.#ended) return
    this.#items.push(item)
    this.#wake()
  }

  /** No more will come: the iteration ends after what is here. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** Take out all that nobody has read yet. */
  drain(): Item[] {
    const rest = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return rest
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    for (;;) {
      while (this.#head < this.#items.length) {
        const item = this.#items[this.#head++] as Item
        if (this.#head === this.#items.length) this.drain()
        yield item
      }
      if (this.#ended) return
      this.#waiting ??= new Deferred()
      await this.#waiting.promise
    }
  }

  #wake(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }
}
