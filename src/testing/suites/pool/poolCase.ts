import assert from 'node:assert/strict'
import type { Pool } from '../../../worker/pool/pool.ts'
import type { Kit } from '../../kit.ts'

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

/** Defines cases that each have pools of their own. */
export function casesAlone({ it }: Kit, makePool: (size: number) => Pool): PoolCase {
  return (title, body) => {
    it(title, async () => {
      const opened: Pool[] = []
      const make = (size: number): Pool => {
        const pool = makePool(size)
        opened.push(pool)
        return pool
      }
      const open = async (size: number): Promise<Pool> => {
        const pool = make(size)
        await pool.start()
        return pool
      }
      try {
        await body(open, make)
      } finally {
        await Promise.all(opened.map((pool) => pool.stop()))
      }
    })
  }
}

/**
 * Defines cases that leave a pool as it was: those of a suite run in one pool of each size, as to start a child takes
 * longer than all that a case does. After a case that fails the next one has a new pool.
 */
export function casesTogether(kit: Kit, makePool: (size: number) => Pool): PoolCase {
  if (!kit.afterAll) return casesAlone(kit, makePool)
  const pools = new Map<number, Pool>()
  const stop = async (): Promise<void> => {
    const opened = [...pools.values()]
    pools.clear()
    await Promise.all(opened.map((pool) => pool.stop()))
  }
  const open = async (size: number): Promise<Pool> => {
    const known = pools.get(size)
    if (known) return known
    const pool = makePool(size)
    pools.set(size, pool)
    await pool.start()
    return pool
  }
  kit.afterAll(stop)
  return (title, body) => {
    kit.it(title, async () => {
      try {
        await body(open, makePool)
        for (const { busy } of pools.values()) assert.equal(busy, 0, 'jobs that the case left in the pool')
      } catch (error) {
        await stop()
        throw error
      }
    })
  }
}
