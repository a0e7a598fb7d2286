import type { Broker, Consumer, Delivery, Queue } from '../broker/broker.ts'
import { NotSupportedError } from '../std/errors.ts'

interface IntakeParts {
  readonly broker: Pick<Broker, 'consume'>
  /** As of ConsumeOptions. */
  readonly ahead: number
  readonly name: string
  /** At the beginning. */
  readonly queues: readonly string[]
  /** The queue of this name, with its bindings; asked once for each. */
  queueOf(name: string): Queue
  /** Deliveries that are held at once, at the beginning. */
  readonly prefetch: number
  /** Run it to its settlement, and then call `settled`. */
  execute(delivery: Delivery, settled: () => void): void
  /** The store is lost for good: nothing can come any more. */
  lost(problem: Error | undefined): void
}

/** One consumer, and how many of its deliveries are not settled yet. */
interface Source {
  readonly consumer: Consumer
  held: number
  /** It takes nothing more, by our wish. */
  closed: boolean
  /** Resolves when its iteration has ended. */
  loop: Promise<void>
  /** Called when one of its deliveries is settled. */
  readonly settled: () => void
}

/**
 * What a worker takes: deliveries of a set of queues, which may change while it runs. A change opens a consumer for the
 * new set and closes the one before, which keeps the leases of what it has delivered until that is settled. All of them
 * together hold at most `prefetch` deliveries.
 */
export class Intake {
  readonly #parts: IntakeParts
  #prefetch: number
  /** Takes from the present queues; absent where there are none, or nothing is taken. */
  #current: Source | undefined
  /** Closed ones with deliveries that are not settled, and, once it is closed, the last one. */
  readonly #former = new Set<Source>()
  #queues: readonly string[]
  readonly #named = new Map<string, Queue>()
  #isQuiet = false
  /** Changes, one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#prefetch = parts.prefetch
    this.#queues = parts.queues
  }

  /** It takes nothing, until `resume`. */
  get isQuiet(): boolean {
    return this.#isQuiet
  }

  /** Queues that it takes from, unless it is quiet. */
  get queues(): readonly string[] {
    return this.#queues
  }

  /** Why nothing is delivered, when the store fails. */
  get problem(): Error | undefined {
    return [this.#current, ...this.#former].map((source) => source?.consumer.problem).find((problem) => problem)
  }

  /**
   * Begin to take; `opened` is called before the first delivery. Rejects with StoreUnavailableError, as the other
   * changes do: then nothing is changed.
   */
  start(opened: () => void): Promise<void> {
    return this.#change(() => this.#take(this.#queues, opened))
  }

  /** The queue of this name, as it takes from it; undefined where it never did. */
  named(name: string): Queue | undefined {
    return this.#named.get(name)
  }

  /** Take from this queue too. `bound`: with other bindings than those of its name. */
  add(queue: string, bound?: Queue): Promise<void> {
    return this.#change(async () => {
      if (this.#queues.includes(queue)) return
      const before = this.#named.get(queue)
      if (bound) this.#named.set(queue, bound)
      try {
        await this.#use([...this.#queues, queue])
      } catch (error) {
        this.#named.delete(queue)
        if (before) this.#named.set(queue, before)
        throw error
      }
    })
  }

  /** Take from this queue no more. What was taken of it goes on. */
  cancel(queue: string): Promise<void> {
    return this.#change(() => this.#use(this.#queues.filter((known) => known !== queue)))
  }

  /** Take nothing, until `resume`. */
  quiet(): Promise<void> {
    this.#isQuiet = true
    return this.#change(() => this.#take([]))
  }

  /** Take again what was taken before `quiet`. */
  resume(): Promise<void> {
    return this.#change(async () => {
      if (this.#isQuiet) await this.#take(this.#queues)
      this.#isQuiet = false
    })
  }

  /** Hold at most this many deliveries. */
  prefetch(count: number): void {
    this.#prefetch = count
    this.#apply()
  }

  /** Take nothing more, for good. Resolves when no delivery comes any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#replace(undefined)
  }

  /** After `close`: release at once all deliveries that are not settled. */
  async release(): Promise<void> {
    await this.close()
    await Promise.all([...this.#former].map(({ consumer }) => consumer.release()))
  }

  #change(step: () => Promise<void>): Promise<void> {
    const change = this.#last.then(step)
    this.#last = change.catch(() => undefined)
    return change
  }

  async #use(queues: readonly string[]): Promise<void> {
    if (queues.length !== this.#queues.length) {
      this.#requireKept(queues)
      if (!this.#isQuiet) await this.#take(queues)
    }
    this.#queues = queues
  }

  /** A queue for broadcasts ends with its consumer: what it gets while another consumer is opened would be lost. */
  #requireKept(queues: readonly string[]): void {
    const broadcast = [...new Set([...this.#queues, ...queues])].find((queue) => this.#queueOf(queue).transient)
    if (broadcast === undefined) return
    throw new NotSupportedError(
      `a worker that takes the broadcasts of ${broadcast} keeps its queues while it runs: start another worker`,
    )
  }

  async #take(queues: readonly string[], opened?: () => void): Promise<void> {
    if (this.#isClosed) return
    const consumer = queues.length === 0 ? undefined : await this.#open(queues)
    // It may have been closed while the store answered.
    if (this.#isClosed) return consumer?.release()
    opened?.()
    await this.#replace(consumer)
  }

  #open(queues: readonly string[]): Promise<Consumer> {
    const { broker, ahead, name } = this.#parts
    return broker.consume(
      queues.map((queue) => this.#queueOf(queue)),
      { prefetch: this.#room, ahead, name },
    )
  }

  #queueOf(name: string): Queue {
    const queue = this.#named.get(name) ?? this.#parts.queueOf(name)
    this.#named.set(name, queue)
    return queue
  }

  /** The one before is closed beside the new one, which takes as deliveries of the former are settled. */
  async #replace(consumer: Consumer | undefined): Promise<void> {
    const before = this.#current
    this.#current = consumer && this.#sourceOf(consumer)
    if (before) {
      before.closed = true
      this.#former.add(before)
    }
    if (this.#current) {
      this.#current.loop = this.#run(this.#current)
      this.#apply()
    }
    if (!before) return
    await before.consumer.close()
    await before.loop
    this.#settled(before)
  }

  #sourceOf(consumer: Consumer): Source {
    const settled = (): void => {
      source.held--
      if (source.closed) this.#settled(source)
    }
    const source: Source = { consumer, held: 0, closed: false, loop: Promise.resolve(), settled }
    return source
  }

  async #run(source: Source): Promise<void> {
    const { execute, lost } = this.#parts
    for await (const delivery of source.consumer) {
      source.held++
      execute(delivery, source.settled)
    }
    if (!source.closed) lost(source.consumer.problem)
  }

  /** Something of a closed one was settled. */
  #settled(source: Source): void {
    if (!this.#former.has(source)) return
    this.#apply()
    if (source.held > 0 || this.#isClosed) return
    this.#former.delete(source)
    // Where the store is unavailable, its leases have nothing left to release.
    void source.consumer.release().catch(() => undefined)
  }

  /** How many deliveries the present consumer may hold. */
  get #room(): number {
    const held = [this.#current, ...this.#former].reduce((sum, source) => sum + (source?.held ?? 0), 0)
    return Math.max(0, this.#prefetch - held + (this.#current?.held ?? 0))
  }

  #apply(): void {
    this.#current?.consumer.prefetch(this.#room)
  }
}
