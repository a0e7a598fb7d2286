import { watchEnds } from '../../../backend/watchEnds.ts'
import { type Versioned, Watchers, watchRecords } from '../../../backend/watchers.ts'
import { statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { isFinal } from '../../../protocol/states.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import type { RedisConnection } from '../connection/connection.ts'

/** One task with subscribers. */
interface Watched {
  readonly id: string
  holders: number
  /** Resolves when its channel is subscribed. */
  readonly subscribed: Promise<() => Promise<void>>
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
    const held = [...new Set(ids)].map((id) => this.#hold(id))
    const { promise: aborted, resolve } = Promise.withResolvers<(Versioned | undefined)[]>()
    const abort = (): void => resolve([])
    signal.addEventListener('abort', abort, { once: true })
    try {
      yield* read(() => Promise.race([this.#load(held, endsAlone), aborted]))
    } finally {
      signal.removeEventListener('abort', abort)
      for (const watched of held) this.#release(watched)
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

  #hold(id: string): Watched {
    const known = this.#watched.get(id)
    if (known) {
      known.holders++
      return known
    }
    const channel = this.#source.channelOf(id)
    const subscribed = this.#connection.subscribe(channel, (message) => this.#hear(watched, message))
    const watched: Watched = { id, holders: 1, subscribed, newest: undefined }
    this.#watched.set(id, watched)
    subscribed.catch(() => this.#drop(watched))
    return watched
  }

  #release(watched: Watched): void {
    if (--watched.holders > 0) return
    this.#drop(watched)
    // When the connection ends, the subscription ends as well.
    watched.subscribed.then((end) => end()).catch(() => undefined)
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
    await Promise.all(watched.map(({ subscribed }) => subscribed))
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
  #allArrived({ id }: Watched): Promise<void> {
    this.#arrived ??= new Promise((resolve) => setImmediate(resolve)).then(async () => {
      this.#arrived = undefined
      const end = await this.#connection.subscribe(this.#source.channelOf(id), () => undefined)
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
