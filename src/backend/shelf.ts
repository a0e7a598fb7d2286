import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'
import type { Versioned } from './hub.ts'
import { STALE } from './lifetime.ts'

/** Finished records are kept up to so many bytes together, the newest; a record counts as its length as it travelled and `OVERHEAD`. */
const ROOM = 64 * 2 ** 20
const OVERHEAD = 512
/** How often what has expired is dropped, ms. */
const CLEAN_EVERY = 60_000

/** A record in memory. */
export interface Shelved extends Versioned {
  /** When it was first heard of, and when last, ms since the epoch. */
  readonly since: number
  readonly changed: number
  readonly size: number
}

/** Records and revoke marks in this process's memory, and no more of them than fit. */
export class Shelf {
  /** In the order in which they were first heard of. */
  readonly #records = new Map<string, Shelved>()
  /** Ids in the order in which they became final. */
  readonly #finished = new Set<string>()
  /** Until when, by id. */
  readonly #revoked = new Map<string, number>()
  readonly #expires: number
  readonly #stale: number
  readonly #cleaning: NodeJS.Timeout
  #size = 0
  #version = 0

  /** `expires`: how long a finished record is kept, ms. */
  constructor(expires: number) {
    this.#expires = expires
    this.#stale = Math.max(expires, STALE)
    this.#cleaning = setInterval(() => this.#clean(Date.now()), CLEAN_EVERY).unref()
  }

  get(id: string): Shelved | undefined {
    return this.#records.get(id)
  }

  /** Keep a record of this many bytes; the oldest finished ones make room. */
  put(meta: TaskMeta, size: number): Shelved {
    const id = meta.task_id
    const now = Date.now()
    const since = this.#records.get(id)?.since ?? now
    const record = { meta, version: ++this.#version, since, changed: now, size: size + OVERHEAD }
    this.#records.set(id, record)
    if (isFinal(meta.status)) this.#finish(id, record)
    return record
  }

  drop(id: string): void {
    if (this.#finished.delete(id)) this.#size -= this.#records.get(id)?.size ?? 0
    this.#records.delete(id)
  }

  revoke(id: string): void {
    this.#revoked.set(id, Date.now() + this.#stale)
  }

  revoked(): string[] {
    return [...this.#revoked.keys()]
  }

  close(): void {
    clearInterval(this.#cleaning)
  }

  #finish(id: string, { size }: Shelved): void {
    this.#finished.add(id)
    this.#size += size
    for (const oldest of this.#finished) {
      if (this.#size <= ROOM || oldest === id) return
      this.drop(oldest)
    }
  }

  #clean(now: number): void {
    for (const id of this.#finished) {
      if ((this.#records.get(id)?.changed ?? 0) > now - this.#expires) break
      this.drop(id)
    }
    for (const [id, { since, meta }] of this.#records) {
      if (since > now - this.#stale) break
      if (!isFinal(meta.status)) this.drop(id)
    }
    for (const [id, until] of this.#revoked) if (until < now) this.#revoked.delete(id)
  }
}
