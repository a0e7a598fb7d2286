import { watchEnds } from '../../../backend/watchEnds.ts'
import { type Versioned, Watchers, watchRecords } from '../../../backend/watchers.ts'
import { statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { isFinal } from '../../../protocol/states.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import type { RedisConnection } from '../connection/connection.ts'

/** Resolves when the channels are subscribed; the function ends some of them. */
type Subscribing = Promise<(channels: readonly string[]) => Promise<void>>

/** One task with subscribers. */
interface Watched {
  readonly id: string
  readonly channel: string
  holders: number
  /** Of its channel, and of those that were subscribed together with it. */
  readonly subscribing: Subscribing
  /** The newest record that was received or read. */
  newest: Versioned | undefined
}

/** What the watches need from the backend. */
export interface WatchSource {
  channelOf(id: string): string
  /** The stored bytes of each, null where there are none. */
  fetch(ids: readonly string[]): Promise<(Buffer | null)[]>
  read(bytes: Buffer, id: string): TaskMeta
}

/** Delay before the next attempt when records could not be read after a reconnection, ms. */
const READ_RETRY_DELAY_MS = 500

/**
 * The subscribers of each task, on the connection's one subscription. The channel is subscribed first, then the record
 * is read, so that no change is missed. A record that was read could be newer than one that is received right after it;
 * so it counts only if, after the reading, all earlier messages have arrived, and none of them was of this task: what
 * arrives then is newer.
 */
export class RedisWatches {
  readonly #connection: RedisConnection
  readonly #source: WatchSource
  readonly #watchers = new Watchers()
  readonly #watched = new Map<string, Watched>()
  readonly #stopListening: () => void
  #count = 0
  #arrived: Promise<void> | undefined
  #again: NodeJS.Timeout | undefined

  constructor(connection: RedisConnection, source: WatchSource) {
    this.#connection = connection
    this.#source = source
    this.#stopListening = connection.onReconnect(() => void this.#reread())
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncGenerator<TaskMeta, void, void> {
    return this.#while(ids, signal, false, (load) => watchRecords(this.#watchers, load, ids, signal))
  }

  watchEnds(ids: readonly string[], signal: AbortSignal): AsyncGenerator<readonly TaskMeta[], void, void> {
    return this.#while(ids, signal, true, (load) => watchEnds(this.#watchers, load, ids, signal))
  }

  /** Holds them while `read` is read. `load` of `read` answers nothing where the signal comes first. */
  async *#while<Item>(
    ids: readonly string[],
    signal: AbortSignal,
    endsAlone: boolean,
    read: (load: () => Promise<(Versioned | undefined)[]>) => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void, void> {
    if (signal.aborted || ids.length === 0) return
    const held = this.#hold([...new Set(ids)])
    const { promise: aborted, resolve } = Promise.withResolvers<(Versioned | undefined)[]>()
    const abort = (): void => resolve([])
    signal.addEventListener('abort', abort, { once: true })
    try {
      yield* read(() => Promise.race([this.#load(held, endsAlone), aborted]))
    } finally {
      signal.removeEventListener('abort', abort)
      this.#release(held)
    }
  }

  /** Subscribers of these get UnknownJobError. */
  forgotten(ids: readonly string[]): void {
    this.#watchers.forgotten(ids)
  }

  close(): void {
    clearTimeout(this.#again)
    this.#stopListening()
    const error = new StoreUnavailableError(`${this.#connection.url}: the backend is closed`)
    for (const id of [...this.#watched.keys()]) this.#watchers.fail(id, error)
    this.#watched.clear()
  }

  #hold(ids: readonly string[]): readonly Watched[] {
    const fresh = ids.filter((id) => !this.#watched.has(id))
    if (fresh.length > 0) this.#subscribe(fresh)
    return ids.map((id) => {
      const watched = this.#watched.get(id) as Watched
      watched.holders++
      return watched
    })
  }

  #subscribe(ids: readonly string[]): void {
    const byChannel = new Map<string, Watched>()
    const channels = ids.map((id) => this.#source.channelOf(id))
    const subscribing = this.#connection.subscribeAll(channels, (message, channel) => {
      const watched = byChannel.get(channel)
      if (watched) this.#hear(watched, message)
    })
    for (const [at, id] of ids.entries()) {
      const channel = channels[at] as string
      const watched: Watched = { id, channel, holders: 0, subscribing, newest: undefined }
      byChannel.set(channel, watched)
      this.#watched.set(id, watched)
    }
    subscribing.catch(() => {
      for (const watched of byChannel.values()) this.#drop(watched)
    })
  }

  #release(held: readonly Watched[]): void {
    const ended = held.filter((watched) => --watched.holders === 0)
    for (const watched of ended) this.#drop(watched)
    for (const [subscribing, some] of Map.groupBy(ended, (watched) => watched.subscribing)) {
      // When the connection ends, the subscription ends as well.
      subscribing.then((end) => end(some.map(({ channel }) => channel))).catch(() => undefined)
    }
  }

  /** The next subscriber starts from the beginning. */
  #drop(watched: Watched): void {
    if (this.#watched.get(watched.id) === watched) this.#watched.delete(watched.id)
  }

  #hear(watched: Watched, message: Buffer): void {
    this.#watchers.tell(this.#keep(watched, this.#source.read(message, watched.id)))
  }

  #keep(watched: Watched, meta: TaskMeta): Versioned {
    watched.newest = { meta, version: ++this.#count }
    return watched.newest
  }

  async #load(watched: readonly Watched[], endsAlone: boolean): Promise<(Versioned | undefined)[]> {
    await Promise.all(new Set(watched.map(({ subscribing }) => subscribing)))
    return this.#read(watched, endsAlone)
  }

  /** The newest record of each; undefined where there is none, or, with `endsAlone`, where none is final. */
  async #read(watched: readonly Watched[], endsAlone = false): Promise<(Versioned | undefined)[]> {
    const before = watched.map(({ newest }) => newest)
    const stored = await this.#source.fetch(watched.map(({ id }) => id))
    const first = watched[0]
    if (first && stored.some((bytes) => bytes !== null)) await this.#allArrived(first)
    return watched.map((one, at) => {
      const bytes = stored[at]
      if (!bytes || one.newest !== before[at] || (endsAlone && isUnfinished(bytes))) return one.newest
      const meta = this.#source.read(bytes, one.id)
      return one.newest && isSame(one.newest.meta, meta) ? one.newest : this.#keep(one, meta)
    })
  }

  /**
   * Resolves when all messages have arrived that were published before: an answer on the subscription comes after them.
   * Callers of one turn share one request.
   */
  #allArrived({ channel }: Watched): Promise<void> {
    this.#arrived ??= new Promise((resolve) => setImmediate(resolve)).then(async () => {
      this.#arrived = undefined
      const end = await this.#connection.subscribe(channel, () => undefined)
      await end()
    })
    return this.#arrived
  }

  /**
   * Read what was published while the connection was down. Emissions may have been lost: so subscribers get each
   * record, even if it did not change.
   */
  async #reread(): Promise<void> {
    clearTimeout(this.#again)
    const watched = [...this.#watched.values()]
    if (watched.length === 0) return
    try {
      const records = await this.#read(watched)
      for (const [at, one] of watched.entries()) {
        const record = records[at]
        if (record) this.#watchers.tell(this.#keep(one, record.meta))
      }
    } catch (error) {
      if (error instanceof StoreUnavailableError) {
        clearTimeout(this.#again)
        this.#again = setTimeout(() => void this.#reread(), READ_RETRY_DELAY_MS)
      } else for (const { id } of watched) this.#watchers.fail(id, error)
    }
  }
}

/** By the beginning of a record: most of a group that was just sent have not begun. */
function isUnfinished(bytes: Buffer): boolean {
  const status = statusIn(bytes)
  return status !== undefined && !isFinal(status)
}

/** The same record read again: states may repeat, so all fields count. */
function isSame(one: TaskMeta, other: TaskMeta): boolean {
  return one.status === other.status && JSON.stringify(one, plain) === JSON.stringify(other, plain)
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
