import type { Pool } from '../../../worker/pool/pool.ts'

/** What a pool can do, which decides the cases that it must pass. */
export interface PoolTraits {
  /** A job that does not stop by itself can be ended, and one that takes its thread or process down harms no other. */
  readonly isolated: boolean
  /** False where its size is fixed. Default: true. */
  readonly resizes?: boolean | undefined
}

/** One case. `open` starts a pool of this size (or 1), `make` does not; both are stopped at the end. */
export type PoolCase = (
  title: string,
  body: (open: (size: number) => Promise<Pool>, make: (size: number) => Pool) => Promise<void>,
) => void
