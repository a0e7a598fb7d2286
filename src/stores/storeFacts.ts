/** What a store says of itself now. Facts that it cannot give, or that its role may not read, are absent. */
export interface StoreFacts {
  /** Its URL, without a password. */
  readonly store: string
  /** Its clock, where that is not the clock of this machine, ms since the epoch. */
  readonly now?: number | undefined
  /** Bytes in use and allowed (0: no limit), and Redis' `maxmemory-policy`. */
  readonly memory?: { readonly used: number; readonly limit: number; readonly policy: string } | undefined
  /** Bytes that are free where it is kept. */
  readonly free?: number
  /** Bytes that it takes on disk. */
  readonly size?: number | undefined
  /** Connections in use and allowed, of the limit that is nearest. */
  readonly connections?: ConnectionFacts | undefined
  /** The tables that have most changes. */
  readonly tables?: readonly TableFacts[] | undefined
  /** What keeps deleted rows from being removed for the longest time. */
  readonly horizon?: HorizonFacts | undefined
  /** Sessions that wait for a lock on our tables, or are ours and wait for any. */
  readonly waits?: readonly WaitFacts[] | undefined
  /** Statements of ours that run now and wait for no lock, but for this one. */
  readonly running?: readonly RunningFacts[] | undefined
}

export interface ConnectionFacts {
  readonly used: number
  readonly limit: number
  /** Whose limit it is: `the server`, `the database shop`, `the role web`. */
  readonly of: string
}

/** A table of celeriac. */
export interface TableFacts {
  readonly name: string
  /** Rows; estimated by the server. */
  readonly live: number
  /** Deleted rows that take space still; estimated by the server. */
  readonly dead: number
  /** For how long it has not been vacuumed, ms; undefined: never. */
  readonly vacuumed: number | undefined
  /** The server vacuums it by itself. */
  readonly isVacuumed: boolean
}

export interface HorizonFacts {
  /** A transaction, a prepared transaction or a replication slot: what it is, for people. */
  readonly holder: string
  /** ms; undefined: not known. */
  readonly age: number | undefined
  /** How many transactions have begun since. */
  readonly transactions: number
}

/** A session that waits for a lock. */
export interface WaitFacts {
  /** Which session, for people. */
  readonly session: string
  /** What it waits for: `table message (RowExclusiveLock)`. */
  readonly lock: string
  /** ms */
  readonly age: number
  /** The sessions that hold it, or are before it. */
  readonly holders: readonly string[]
}

export interface RunningFacts {
  /** Which session, for people. */
  readonly session: string
  /** ms */
  readonly age: number
  /** The beginning of the statement, without the literals in it. */
  readonly statement: string
}
