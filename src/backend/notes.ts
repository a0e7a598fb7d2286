/*
 * Notes, a part of the result backend: keys and values that expire.
 * Each sentence of these docs is a case of `testing/suites/notesSuite.ts`.
 */

/** A value under a key of its own, until it expires. */
export interface Note {
  readonly key: string
  readonly value: string
  /** Until when, ms since the epoch. */
  readonly expires: number
}

/** A note that is written with a job. */
export interface SubmissionNote extends Note {
  /** The value that the note under its key must have, which this one replaces. Absent: there must be none. */
  readonly expected?: string | undefined
}

/** Notes of all processes that share the store. */
export interface NoteStore {
  /** The value; undefined where there is none, or it has expired. */
  get(key: string): Promise<string | undefined>
  /** Keep a note, and replace the one under its key. A note that has expired already drops the other. */
  put(note: Note): Promise<void>
  /** Keep a note, unless there is one under its key that has not expired. Resolves true when it was kept. */
  putIfAbsent(note: Note): Promise<boolean>
  /**
   * Keep a note in place of the one under its key, if that has this value and has not expired. A note that has expired
   * already drops the other. Resolves true when it was kept, or dropped the other: of several callers that expect the
   * same value, one.
   */
  replace(note: Note, expected: string): Promise<boolean>
}
