import { setTimeout as sleep } from 'node:timers/promises'
import { type Versioned, Watchers } from '../../../backend/watchers.ts'
import type { Database } from '../connection/database.ts'
import { channelOf, type Listening } from '../connection/listening.ts'
import type { Statement } from '../connection/pipeline.ts'

/** How long changes are announced after a process has asked for it, and how often it asks, ms. */
const ANNOUNCED_MS = 90_000
const ASK_INTERVAL_MS = 30_000
/**
 * A write that began before we asked announces nothing: all that is watched is read again so long after it, ms. None
 * lasts for longer than the last of these, but where it waits for a lock.
 */
const READ_AGAIN_MS = [20, 100, 1000]
/** Delay before the next attempt when changes could not be read, ms. */
const RETRY_DELAY_MS = 500
/** Records of one read. */
const MAX_IDS = 500

const ASK: Statement = {
  name: 'listen',
  text: `INSERT INTO celeriac.listener AS l (topic, until) VALUES ('results', now() + interval '${ANNOUNCED_MS} ms')
    ON CONFLICT (topic) DO UPDATE SET until = excluded.until
    WHERE l.until < now() + interval '${ANNOUNCED_MS - ASK_INTERVAL_MS / 2} ms'`,
}

/** Reads records that are watched, when their change is announced. */
export class ChangeReader {
  readonly watchers: Watchers
  readonly #database: Database
  readonly #listening: Listening
  readonly #load: (ids: readonly string[]) => Promise<readonly (Versioned | undefined)[]>
  readonly #wanted = new Set<string>()
  #isReading = false
  #asked: Promise<void> | undefined
  #stop: () => void = () => undefined
  #asking: NodeJS.Timeout | undefined
  #timers: NodeJS.Timeout[] = []
  #isClosed = false
  #isWatched = false
  /** Something was watched since the store was asked. */
  #isUsed = false

  constructor(
    database: Database,
    listening: Listening,
    load: (ids: readonly string[]) => Promise<readonly (Versioned | undefined)[]>,
  ) {
    this.#database = database
    this.#listening = listening
    this.#load = load
    this.watchers = new Watchers((used) => {
      this.#isWatched = used
      this.#keepAlive()
      if (!used) return
      this.#isUsed = true
      // Those who watch await `ready`, and get the error.
      this.ready().catch(() => undefined)
    })
  }

  /** Resolves when changes are announced. Rejects with StoreUnavailableError. */
  ready(): Promise<void> {
    this.#asked ??= this.#ask().catch((error: unknown) => {
      this.#end()
      throw error
    })
    return this.#asked
  }

  close(): void {
    this.#isClosed = true
    this.#end()
  }

  async #ask(): Promise<void> {
    const stop = await this.#listening.on(channelOf(this.#database.schema, 'results'), (payload) =>
      this.#heard(payload),
    )
    this.#stop = stop
    await this.#database.run([{ statement: ASK, values: [] }], { repeatable: true })
    if (this.#isClosed) {
      stop()
      return
    }
    const all = (): void => this.#want(this.watchers.ids)
    this.#timers = READ_AGAIN_MS.map((ms) => setTimeout(all, ms).unref())
    this.#asking = setInterval(() => void this.#askAgain(), ASK_INTERVAL_MS)
    this.#keepAlive()
  }

  /** Who waits for a change keeps the process alive, also while there is no connection. */
  #keepAlive(): void {
    if (this.#isWatched) this.#asking?.ref()
    else this.#asking?.unref()
  }

  async #askAgain(): Promise<void> {
    if (!this.#isUsed && this.watchers.ids.length === 0) {
      this.#end()
      return
    }
    this.#isUsed = false
    try {
      await this.#database.run([{ statement: ASK, values: [] }], { repeatable: true })
    } catch {
      // Nothing may be announced until the next time, at which all is read.
    }
    this.#want(this.watchers.ids)
  }

  #end(): void {
    this.#stop()
    this.#stop = () => undefined
    this.#asked = undefined
    clearInterval(this.#asking)
    for (const timer of this.#timers) clearTimeout(timer)
  }

  /** Without a payload any record may have changed. */
  #heard(payload: string | undefined): void {
    const ids = payload === undefined ? [] : announced(payload)
    this.#want(ids.length === 0 ? this.watchers.ids : ids)
  }

  #want(ids: readonly string[]): void {
    for (const id of ids) if (this.watchers.watches(id)) this.#wanted.add(id)
    if (!this.#isReading && this.#wanted.size > 0) void this.#readWanted()
  }

  async #readWanted(): Promise<void> {
    this.#isReading = true
    while (this.#wanted.size > 0 && !this.#isClosed) {
      const ids = [...this.#wanted].slice(0, MAX_IDS)
      for (const id of ids) this.#wanted.delete(id)
      try {
        for (const record of await this.#load(ids)) if (record) this.watchers.tell(record)
      } catch {
        // No caller waits for this read. The subscribers are notified when the store can be read again.
        for (const id of ids) if (this.watchers.watches(id)) this.#wanted.add(id)
        await sleep(RETRY_DELAY_MS, undefined, { ref: false })
      }
    }
    this.#isReading = false
  }
}

/** A list of ids. Another payload is of a stranger: the server lets anyone send notifications, and read them. */
function announced(payload: string): readonly string[] {
  try {
    const ids: unknown = JSON.parse(payload)
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}
