/*
 * The schedule store: what beats share. It knows nothing of schedules; entries and runs are text to it.
 * Each sentence of these docs is a case of `testing/suites/schedulerSuite.ts`, which every store passes.
 */

/** An entry as it is kept. */
export interface StoredEntry {
  readonly name: string
  /** Another one after each change, never the same again: what a change must name to take effect. */
  readonly token: string
  readonly text: string
}

/** A run that was claimed and is yet to be sent. */
export interface StoredRun {
  readonly id: string
  readonly text: string
}

/** What an entry becomes. */
export interface NewEntry {
  readonly text: string
  /** When it is to be looked at, ms since the epoch; undefined: never, unless it is changed. */
  readonly due: number | undefined
  /** A run of it waits for the one before to end. */
  readonly waiting: boolean
}

/** One change of one entry. */
export interface EntryChange {
  readonly name: string
  /** Token of what it was read as; undefined: there must be none of this name. */
  readonly from: string | undefined
  /** Undefined: removed. */
  readonly to: NewEntry | undefined
  /** Claimed with it: kept until `endRuns`, and ours to send until `until` (ms since the epoch). */
  readonly runs?: readonly (StoredRun & { readonly until: number })[]
}

/** What there is to do. */
export interface Due {
  /** Due at that moment or before, earliest first. */
  readonly entries: readonly StoredEntry[]
  /** Entries of which a run waits, due or not. */
  readonly waiting: readonly StoredEntry[]
  /** Ids of all runs that were claimed and have not ended yet. */
  readonly claimed: readonly string[]
  /** The next moment at which there is more: an entry becomes due, or a claimed run was not sent in time. */
  readonly next: number | undefined
}

/**
 * How far the clocks of two beats may differ, ms. A claim that lasts by more than this beyond one that is made now was
 * made by a clock that has been set back since: it holds no longer.
 */
export const MAX_CLOCK_SKEW_MS = 60_000

/** What keeps a schedule, for the beats that share it. */
export interface ScheduleStore {
  /** For people to read: no password in it. */
  readonly url: string
  /** All entries, by name. */
  list(): Promise<readonly StoredEntry[]>
  /** In the order asked; undefined where there is none. */
  load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]>
  /**
   * Compare and set: each change takes effect, with its runs, if its entry is still what it was read as, whoever else
   * changes it at the same time; true for those that did. `quiet`: listeners are not told, as for claims, after which
   * nothing is due sooner.
   */
  swap(changes: readonly EntryChange[], options?: { quiet?: boolean }): Promise<readonly boolean[]>
  /**
   * True where no change has taken effect yet but quiet ones, or all was lost since, as on a Redis that was restarted
   * empty. It stays false when the last entry is removed.
   */
  untouched(): Promise<boolean>
  /** At most `limit` due entries. */
  due(now: number, limit: number): Promise<Due>
  /**
   * Runs that were not sent in time, or are claimed for longer than `until` and MAX_CLOCK_SKEW_MS, at most `limit`:
   * ours until `until` from now on; no other beat gets them.
   */
  takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]>
  /** These were sent. Unknown ids are no error. */
  endRuns(ids: readonly string[]): Promise<void>
  /**
   * Called after each change that was not quiet, in whatever process, and whenever one may have been missed. The
   * returned function ends it.
   */
  onChange(listener: () => void): Promise<() => Promise<void>>
}
