import { endOf, lifetimeOf, MAX_REVOKED, staleAfter } from '../../backend/retention.ts'
import type { Versioned } from '../../backend/watchers.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal } from '../../protocol/states.ts'
import type { Clock } from '../../std/clock.ts'
import { RecentIds } from '../../std/recentIds.ts'

/**
 * Finished records are kept up to this many bytes together, the newest; a record counts as its length in transit plus
 * `RECORD_OVERHEAD_BYTES`.
 */
const MAX_KEPT_BYTES = 64 * 2 ** 20
const RECORD_OVERHEAD_BYTES = 512
/** How often expired records are dropped, ms. */
const CLEAN_INTERVAL_MS = 60_000

/** A record in memory. */
export interface Shelved extends Versioned {
  /** When it is dropped, ms since the epoch. */
  readonly end: number
  readonly size: number
}

/** Records and revoked ids in this process's memory, within a bound. */
export class RpcRecords {
  readonly #records = new Map<string, Shelved>()
  /** Ids in the order in which they became final. */
  readonly #finished = new Set<string>()
  readonly #revoked: RecentIds
  readonly #expires: number
  readonly #clock: Clock
  readonly #cleaning: NodeJS.Timeout
  #size = 0
  #version = 0

  /** `expires`: how long a finished record is kept, ms; 0: for ever, as long as there is room. */
  constructor(expires: number, clock: Clock) {
    this.#expires = expires
    this.#clock = clock
    this.#revoked = new RecentIds(MAX_REVOKED, clock)
    this.#cleaning = setInterval(() => this.#clean(clock.now()), CLEAN_INTERVAL_MS).unref()
  }

  get(id: string): Shelved | undefined {
    return this.#records.get(id)
  }

  /** Keep a record of this many bytes; the oldest finished records are dropped to make room. */
  put(meta: TaskMeta, size: number): Shelved {
    const id = meta.task_id
    const now = this.#clock.now()
    const end = endOf(lifetimeOf(meta, this.#expires, now), now)
    // A record that is not final is kept at least as long as the record before.
    const before = isFinal(meta.status) ? 0 : (this.#records.get(id)?.end ?? 0)
    const record = { meta, version: ++this.#version, end: Math.max(end, before), size: size + RECORD_OVERHEAD_BYTES }
    this.#records.set(id, record)
    if (isFinal(meta.status)) this.#finish(id, record)
    return record
  }

  drop(id: string): void {
    if (this.#finished.delete(id)) this.#size -= this.#records.get(id)?.size ?? 0
    this.#records.delete(id)
  }

  /** Keep a revoked id; from `due` on where the task waits for that moment, ms since the epoch. */
  revoke(id: string, due = 0): void {
    this.#revoked.add(id, endOf(staleAfter(this.#expires), Math.max(this.#clock.now(), due)))
  }

  revoked(): string[] {
    return this.#revoked.all()
  }

  close(): void {
    clearInterval(this.#cleaning)
  }

  #finish(id: string, { size }: Shelved): void {
    this.#finished.add(id)
    this.#size += size
    for (const oldest of this.#finished) {
      if (this.#size <= MAX_KEPT_BYTES || oldest === id) return
      this.drop(oldest)
    }
  }

  #clean(now: number): void {
    for (const [id, { end }] of this.#records) if (end < now) this.drop(id)
  }
}
