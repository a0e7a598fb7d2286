/*
 * The schedule store: what beats share. It does not read schedules; entries and runs are text to it.
 * Each sentence of these docs is a case of `testing/suites/schedulerSuite.ts`, which every store passes.
 */

/** An entry as it is stored. */
export interface StoredEntry {
  readonly name: string
  /** Another one after each change, never the same again: a change takes effect only if it names the current token. */
  readonly token: string
  readonly text: string
}

/** A run that was claimed and is yet to be sent. */
export interface StoredRun {
  readonly id: string
  readonly text: string
}

/** The new content of an entry. */
export interface NewEntry {
  readonly text: string
  /** When it is due to be examined, ms since the epoch; undefined: never, unless it is changed. */
  readonly due: number | undefined
  /** A run of the entry waits for the run before to end. */
  readonly waiting: boolean
}

/** One change of one entry. */
export interface EntryChange {
  readonly name: string
  /** Token that the entry had when it was read; undefined: there must be no entry of this name. */
  readonly from: string | undefined
  /** Undefined: the entry is removed. */
  readonly to: NewEntry | undefined
  /** Runs that are claimed by the change: kept until `endRuns`, and ours to send until `until` (ms since the epoch). */
  readonly runs?: readonly (StoredRun & { readonly until: number })[]
}

/** What a beat has to do. */
export interface Due {
  /** Entries due at that moment or before, earliest first. */
  readonly entries: readonly StoredEntry[]
  /** Entries of which a run waits, due or not. */
  readonly waiting: readonly StoredEntry[]
  /** Ids of all runs that were claimed and have not ended yet. */
  readonly claimed: readonly string[]
  /** The next moment at which there is more to do: an entry becomes due, or a claimed run was not sent in time. */
  readonly next: number | undefined
}

/**
 * How far the clocks of two beats may differ, ms. A claim that lasts by more than this beyond one that is made now was
 * made by a clock that has been set back since: it is no longer valid.
 */
export const MAX_CLOCK_SKEW_MS = 60_000

/** Keeps a schedule for the beats that share it. */
export interface ScheduleStore {
  /** For people to read: no password in it. */
  readonly url: string
  /** All entries, by name. */
  list(): Promise<readonly StoredEntry[]>
  /** In the order asked; undefined where there is none. */
  load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]>
  /**
   * Compare and set: each change takes effect, with its runs, if its entry is still as it was read, even when other
   * processes change it at the same time; true for those that did. `quiet`: listeners are not notified, as for claims,
   * after which nothing is due sooner.
   */
  swap(changes: readonly EntryChange[], options?: { quiet?: boolean }): Promise<readonly boolean[]>
  /**
   * True where no change has taken effect yet except quiet ones, or all data was lost since, as on a Redis that was
   * restarted empty. It stays false when the last entry is removed.
   */
  untouched(): Promise<boolean>
  /** At most `limit` due entries. */
  due(now: number, limit: number): Promise<Due>
  /**
   * Claim runs that were not sent in time, or that are claimed beyond `until` by more than MAX_CLOCK_SKEW_MS, at most
   * `limit`: they are ours from now until `until`; no other beat gets them.
   */
  takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]>
  /** These were sent. Unknown ids are no error. */
  endRuns(ids: readonly string[]): Promise<void>
  /**
   * Called after each change that was not quiet, by any process, and whenever a change may have been missed. The
   * returned function ends it.
   */
  onChange(listener: () => void): Promise<() => Promise<void>>
}
