/** A row that a relay has. */
export interface RelayRow {
  /** A text: on PostgreSQL it may be larger than a number. */
  readonly seq: string
  /** How often a relay has taken it, this time included. */
  readonly attempts: number
  readonly body: string
}

/** What became of rows. */
export interface Settled {
  /** Published: they are deleted. */
  readonly done: readonly string[]
  /** They will not be published: they stay, with the reason. */
  readonly failed: readonly { readonly seq: string; readonly error: string }[]
  /** For the next claim. */
  readonly back: readonly string[]
}

export const NOTHING_SETTLED: Settled = { done: [], failed: [], back: [] }

/** The table of an outbox, as a relay uses it. */
export interface RelayTable {
  /** For people, without a password. */
  readonly url: string
  /**
   * Write down what became of the rows of the last claim, and claim up to `limit` more, in the order in which they were
   * added: one transaction. Rejects with StoreUnavailableError; it may be repeated.
   */
  advance(settled: Settled, limit: number): Promise<readonly RelayRow[]>
  /**
   * Have a function called after each commit that may have added rows; also when that is not known, as after a
   * reconnection. Returns what ends it. Rejects with StoreUnavailableError, ConfigError.
   */
  onChange(listener: () => void): Promise<() => void>
  close(): Promise<void>
}

/** How a table is opened. */
export interface RelayTableOptions {
  readonly table: string
  /** By which its rows are known, for this run alone. */
  readonly relay: string
  /** How long rows stay with a relay that has died, ms. */
  readonly lease: number
  warn(message: string): void
}
