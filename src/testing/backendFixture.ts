import assert from 'node:assert/strict'
import type { ResultBackend } from '../backend/backend.ts'
import type { JobIndex } from '../backend/jobIndex.ts'
import type { Kit } from './kit.ts'

/** An empty store, and how to leave it. */
export interface OpenedBackend {
  readonly backend: ResultBackend
  /** Another connection to the same store, where the store is shared. The suite closes it. */
  readonly second?: (() => Promise<ResultBackend>) | undefined
  /**
   * Put this in place of the record of an id, which is known, where the store is outside of this process: it may be
   * damaged, or written by others.
   */
  readonly spoil?: ((id: string, record: Uint8Array) => Promise<unknown>) | undefined
  /** Close the backend and remove its store. */
  close(): Promise<void>
}

/** What a case works with; it is closed after it. */
export interface Place {
  readonly backend: ResultBackend
  /** A second connection where the store is shared, else the same backend. */
  readonly other: ResultBackend
  readonly spoil?: OpenedBackend['spoil']
}

export type Case = (name: string, body: (place: Place) => Promise<void>) => void

/** Cases of a kit, each with a store of its own. */
export function casesOn(kit: Kit, open: () => Promise<OpenedBackend>): Case {
  return (title, body) => {
    kit.it(title, async () => {
      const { backend, second, spoil, close } = await open()
      const other = await second?.()
      try {
        await body({ backend, other: other ?? backend, spoil })
      } finally {
        await other?.close()
        await close()
      }
    })
  }
}

/** The lists of a backend whose suite needs them. */
export function jobsOf({ jobs }: ResultBackend): JobIndex {
  assert.ok(jobs, 'the backend lists jobs')
  return jobs
}
