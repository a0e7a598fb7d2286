import { Deferred } from './deferred.ts'

/** Items that were taken stay in the array up to this many, then are cut off. */
const MAX_READ_ITEMS = 1024

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

  /** Take out all items that were not read yet. */
  drain(): Item[] {
    const rest = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return rest
  }

  /** One reader at a time. Not a generator: an item that is here costs one resolved promise. */
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined> {
    const next = (): Promise<IteratorResult<Item, undefined>> => {
      if (this.#head < this.#items.length) return Promise.resolve({ value: this.#shift(), done: false })
      if (this.#ended) return Promise.resolve({ value: undefined, done: true })
      this.#waiting ??= new Deferred()
      return this.#waiting.promise.then(next)
    }
    return { next }
  }

  #shift(): Item {
    const item = this.#items[this.#head++] as Item
    // Items that were read are removed in large blocks: removing one from the front would move all others each time.
    if (this.#head === this.#items.length || this.#head === MAX_READ_ITEMS) this.#items = this.drain()
    return item
  }

  #wake(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }
}
