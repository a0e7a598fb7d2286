import type { UnversionedStore } from '../stores/open.ts'
import type { StoreMigration } from '../stores/store.ts'

export type { BoundUse } from '../calls/bounds/boundUses.ts'
export type { StoreFacts } from '../stores/storeFacts.ts'

/** The stores of an app, once they are open. */
export interface StoreInfo {
  /** URLs without passwords. */
  readonly broker: string
  readonly backend: string
  /** How the broker is used where that is not the usual way, for people. */
  readonly note?: string | undefined
  /** What `app.jobs` lists: all jobs, those with submission metadata (`redis:`), or none. */
  readonly lists: 'all' | 'marked' | 'none'
  /** Why the result backend may not know a job that exists; absent where it knows all. */
  readonly hint?: string | undefined
}

/** A store of an app, and what `app.migrate` did or would do there. */
export type StoreVersion = StoreMigration | UnversionedStore
