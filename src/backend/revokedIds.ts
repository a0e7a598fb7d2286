/*
 * Revoked tasks, a part of every result backend.
 * Each sentence of these docs is a case of `testing/suites/revokedSuite.ts`.
 */

/** Ids of tasks that must not run. */
export interface RevokedIds {
  /**
   * Remember them as long as a record that is not final: from `due` on, ms since the epoch, where they wait for that
   * moment. They survive restarts, except with `rpc://`, which keeps them in this process alone.
   */
  add(ids: readonly string[], due?: number): Promise<void>
  /** The newest 50,000, the oldest first. */
  all(): Promise<readonly string[]>
}
