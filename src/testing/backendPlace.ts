import type { ResultBackend } from '../backend/backend.ts'
import type { Kit } from './kit.ts'

/** An empty store, and how to leave it. */
export interface OpenedBackend {
  readonly backend: ResultBackend
  /** Another connection to the same store, where the store is shared. The suite closes it. */
  readonly second?: () => Promise<ResultBackend>
  /** Close the backend and remove its store. */
  close(): Promise<void>
}

/** What a case works with; it is closed after it. */
export interface Place {
  readonly backend: ResultBackend
  /** A second connection where the store is shared, else the same backend. */
  readonly other: ResultBackend
}

export type Case = (name: string, body: (place: Place) => Promise<void>) => void

/** Cases of a kit, each with a store of its own. */
export function casesOn(kit: Kit, open: () => Promise<OpenedBackend>): Case {
  return (title, body) => {
    kit.it(title, async () => {
      const { backend, second, close } = await open()
      const other = await second?.()
      try {
        await body({ backend, other: other ?? backend })
      } finally {
        await other?.close()
        await close()
      }
    })
  }
}
