import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Which process records: of all that open the file, one. */
export interface Claim {
  /** Unique for each recorder. */
  readonly holder: string
  readonly now: number
  /** ms */
  readonly lease: number
  /** A holder whose process is known to be dead. */
  readonly instead?: string | undefined
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

  /** Inside a transaction: take the lease if it is free, or renew it. Returns its holder. */
  claim(claim: Claim): string {
    const other = this.holderFor(claim)
    if (other !== undefined) return other
    this.#write.run({ holder: claim.holder, until: claim.now + claim.lease })
    return claim.holder
  }

  /** The other process that has it, so that a claim would change nothing. */
  holderFor({ holder, now, lease, instead }: Claim): string | undefined {
    const { holder: other, until } = this.#row
    if (other === null || other === holder || other === instead) return undefined
    // A lease that ends later than any could was written by a clock that was ahead.
    return until > now && until <= now + 2 * lease ? other : undefined
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
