import type { Broker, Consumer, Delivery, Queue } from '../broker/broker.ts'

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
  readonly queues: readonly string[]
  /** It has the queue of a broadcast, for this worker alone. */
  readonly isOwn: boolean
  readonly consumer: Consumer
  held: number
  /** It takes nothing more, by our wish. */
  closed: boolean
  /** Resolves when its iteration has ended. */
  loop: Promise<void>
  /** Called when one of its deliveries that run is settled. */
  readonly settled: () => void
}

/** A delivery that waits until fewer run. */
interface Waiting {
  readonly source: Source
  readonly delivery: Delivery
}

/**
 * What a worker takes: deliveries of a set of queues, which may change while it runs. One consumer has all queues but
 * those of broadcasts: a change opens one for the new set and closes the one before, which keeps the leases of what it
 * has delivered until that is settled. The queue of a broadcast ends with its consumer, so each has one of its own,
 * which other changes leave alone. At most `prefetch` deliveries run; broadcasts come first, since no other worker can
 * run what this one got of them.
 */
export class Intake {
  readonly #parts: IntakeParts
  #prefetch: number
  /** Those that take now: none while nothing is taken. */
  #current: readonly Source[] = []
  /** Closed ones with deliveries that are not settled, and, once it is closed, the last ones. */
  readonly #former = new Set<Source>()
  #queues: readonly string[]
  readonly #named = new Map<string, Queue>()
  #running = 0
  /** Of several consumers, what would be too much at once. */
  #waiting: readonly Waiting[] = []
  #isStarted = false
  #isQuiet = false
  /** Queues that are left alone for now. */
  #paused: ReadonlySet<string> = new Set()
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

  /** What is held and has not begun: for want of a slot, or ahead of its turn. */
  get unbegun(): readonly Delivery[] {
    return [
      ...this.#waiting.map(({ delivery }) => delivery),
      ...this.#current.flatMap(({ consumer }) => consumer.ahead ?? []),
    ]
  }

  /** Why nothing is delivered, when the store fails. */
  get problem(): Error | undefined {
    return [...this.#current, ...this.#former].map(({ consumer }) => consumer.problem).find((problem) => problem)
  }

  /**
   * Begin to take; `opened` is called before the first delivery. Rejects with StoreUnavailableError, as the other
   * changes do: then nothing is changed.
   */
  start(opened: () => void): Promise<void> {
    return this.#change(async () => {
      await this.#take(this.#queues, opened)
      this.#isStarted = true
    })
  }

  /** The queue of this name, as it takes from it; undefined where it never did. */
  named(name: string): Queue | undefined {
    return this.#named.get(name)
  }

  /** It leaves this queue alone, because it is paused. */
  isPaused(queue: string): boolean {
    return this.#paused.has(queue)
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

  /** Take nothing from these queues, until another call leaves them out. Of the queue of a broadcast it takes on. */
  pause(queues: ReadonlySet<string>): Promise<void> {
    return this.#change(async () => {
      this.#paused = queues
      if (this.#isStarted && !this.#isQuiet) await this.#take(this.#queues)
    })
  }

  /** Take again what was taken before `quiet`. */
  resume(): Promise<void> {
    return this.#change(async () => {
      if (this.#isQuiet) await this.#take(this.#queues)
      this.#isQuiet = false
    })
  }

  /** Hold at most this many deliveries, and as many of broadcasts. */
  prefetch(count: number): void {
    this.#prefetch = count
    this.#next()
    for (const source of this.#current) this.#apply(source)
  }

  /** Take nothing more, for good. Resolves when no delivery comes any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#replace([], [])
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
    if (queues.length !== this.#queues.length && !this.#isQuiet) await this.#take(queues)
    this.#queues = queues
  }

  async #take(queues: readonly string[], opened?: () => void): Promise<void> {
    if (this.#isClosed) return
    const sets = this.#setsOf(queues)
    const kept = this.#current.filter((source) => sets.some((set) => isSame(set, source.queues)))
    const fresh = await this.#openAll(sets.filter((set) => !kept.some((source) => isSame(set, source.queues))))
    // It may have been closed while the store answered.
    if (this.#isClosed) return releaseAll(fresh)
    opened?.()
    await this.#replace(kept, fresh)
  }

  /** The queues of each consumer. */
  #setsOf(queues: readonly string[]): readonly (readonly string[])[] {
    const isOwn = (queue: string): boolean => this.#queueOf(queue).transient === true
    const shared = queues.filter((queue) => !isOwn(queue) && !this.#paused.has(queue))
    return [...(shared.length > 0 ? [shared] : []), ...queues.filter(isOwn).map((queue) => [queue])]
  }

  async #openAll(sets: readonly (readonly string[])[]): Promise<readonly Source[]> {
    const opened = await Promise.allSettled(sets.map((set) => this.#open(set)))
    const sources = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const failed = opened.find((one) => one.status === 'rejected')
    if (!failed) return sources
    await releaseAll(sources)
    throw failed.reason
  }

  async #open(queues: readonly string[]): Promise<Source> {
    const { broker, ahead, name } = this.#parts
    const all = queues.map((queue) => this.#queueOf(queue))
    const isOwn = all.some(({ transient }) => transient)
    const consumer = await broker.consume(all, { prefetch: isOwn ? this.#prefetch : this.#room(), ahead, name })
    const settled = (): void => this.#settled(source)
    const source: Source = { queues, isOwn, consumer, held: 0, closed: false, loop: Promise.resolve(), settled }
    return source
  }

  #queueOf(name: string): Queue {
    const queue = this.#named.get(name) ?? this.#parts.queueOf(name)
    this.#named.set(name, queue)
    return queue
  }

  /** The others are closed beside the new ones, which take as deliveries of the former are settled. */
  async #replace(kept: readonly Source[], fresh: readonly Source[]): Promise<void> {
    const ending = this.#current.filter((source) => !kept.includes(source))
    this.#current = [...kept, ...fresh]
    for (const source of ending) {
      source.closed = true
      this.#former.add(source)
    }
    for (const source of fresh) {
      source.loop = this.#run(source)
      this.#apply(source)
    }
    await Promise.all(ending.map((source) => this.#close(source)))
  }

  async #close(source: Source): Promise<void> {
    await source.consumer.close()
    await source.loop
    const unbegun = this.#waiting.filter((one) => one.source === source)
    this.#waiting = this.#waiting.filter((one) => one.source !== source)
    // What the store does not take now it releases by itself.
    await Promise.allSettled(unbegun.map(({ delivery }) => delivery.reject({ requeue: true })))
    source.held -= unbegun.length
    this.#end(source)
  }

  async #run(source: Source): Promise<void> {
    const { lost } = this.#parts
    for await (const delivery of source.consumer) {
      source.held++
      if (source.isOwn) this.#applyShared()
      if (this.#current.length > 1 && this.#running >= this.#prefetch)
        this.#waiting = [...this.#waiting, { source, delivery }]
      else this.#begin(source, delivery)
    }
    if (!source.closed) lost(source.consumer.problem)
  }

  #begin(source: Source, delivery: Delivery): void {
    this.#running++
    this.#parts.execute(delivery, source.settled)
  }

  /** Begin what waits, the first that came first, as far as few enough run. */
  #next(): void {
    while (this.#running < this.#prefetch && !this.#isClosed) {
      const [first, ...others] = this.#waiting
      if (!first) return
      this.#waiting = others
      this.#begin(first.source, first.delivery)
    }
  }

  #settled(source: Source): void {
    this.#running--
    source.held--
    if (this.#waiting.length > 0) this.#next()
    if (source.closed) this.#end(source)
    else if (source.isOwn) this.#applyShared()
  }

  /** A closed one ends when the last of its deliveries is settled. */
  #end(source: Source): void {
    if (!this.#former.has(source)) return
    this.#applyShared()
    if (source.held > 0 || this.#isClosed) return
    this.#former.delete(source)
    // Where the store is unavailable, its leases have nothing left to release.
    void source.consumer.release().catch(() => undefined)
  }

  /** How many deliveries the consumer of all queues but those of broadcasts may hold. */
  #room(): number {
    const others = [...this.#current.filter(({ isOwn }) => isOwn), ...this.#former]
    return Math.max(
      0,
      others.reduce((room, { held }) => room - held, this.#prefetch),
    )
  }

  #apply({ isOwn, consumer }: Source): void {
    consumer.prefetch(isOwn ? this.#prefetch : this.#room())
  }

  #applyShared(): void {
    const shared = this.#current.find(({ isOwn }) => !isOwn)
    if (shared) this.#apply(shared)
  }
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((queue, at) => queue === others[at])
}

/** Of those that have delivered nothing. Where the store is unavailable, nothing of them is left to release. */
async function releaseAll(sources: readonly Source[]): Promise<void> {
  await Promise.allSettled(sources.map(({ consumer }) => consumer.release()))
}
