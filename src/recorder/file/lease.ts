import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Which process records: of all that open the file, one. */
export interface Claim {
  /** Unique for each recorder. */
  readonly holder: string
  readonly now: number
  /** ms */
  readonly lease: number
}

export class Lease {
  readonly #read: StatementSync
  readonly #write: StatementSync
  readonly #receives: StatementSync

  constructor(db: DatabaseSync) {
    this.#read = db.prepare('SELECT holder, until, receives FROM recorder')
    this.#write = db.prepare(
      'UPDATE recorder SET receives = CASE WHEN holder IS :holder THEN receives ELSE 0 END, holder = :holder, until = :until',
    )
    this.#receives = db.prepare('UPDATE recorder SET receives = 1')
  }

  /** Inside a transaction: take the lease if it is free, or renew it. False: another process has it. */
  claim({ holder, now, lease }: Claim): boolean {
    const { holder: other, until } = this.#row
    // A lease that ends later than any could was written by a clock that was ahead.
    const isHeld = other !== null && other !== holder && until > now && until <= now + 2 * lease
    if (!isHeld) this.#write.run({ holder, until: now + lease })
    return !isHeld
  }

  /** True where a claim would change nothing: another process has the lease. */
  isHeld({ holder, now, lease }: Claim): boolean {
    const { holder: other, until } = this.#row
    return other !== null && other !== holder && until > now && until <= now + 2 * lease
  }

  /** Inside a transaction: renew it. False: it is not held any more. */
  renew({ holder, now, lease }: Claim): boolean {
    if (this.#row.holder !== holder) return false
    this.#write.run({ holder, until: now + lease })
    return true
  }

  release(holder: string): void {
    if (this.#row.holder === holder) this.#write.run({ holder: null, until: 0 })
  }

  /** The process that has it receives events from now on. */
  receive(): void {
    this.#receives.run()
  }

  /** The process that records: has the lease, and receives events. */
  recording(now: number): string | undefined {
    return this.#row.receives === 1 ? this.current(now) : undefined
  }

  current(now: number): string | undefined {
    const { holder, until } = this.#row
    return until > now ? (holder ?? undefined) : undefined
  }

  get #row(): { holder: string | null; until: number; receives: number } {
    return this.#read.get() as { holder: string | null; until: number; receives: number }
  }
}
