import { setTimeout as sleep } from 'node:timers/promises'
import type { Writer } from './writer.ts'

/**
 * How long one transaction of a large change lasts, ms: with its commit it holds the write lock for less than 20 ms.
 */
const WINDOW_MS = 8
/** Rows of one statement: few at first, as each may hold megabytes. */
const MIN_ROWS = 8
const MAX_ROWS = 256
/** What one statement should take at most, ms. */
const STATEMENT_MS = 2

/**
 * Repeat a statement inside a transaction until it finds no more rows, or the transaction has lasted for `duration`,
 * ms. `change` changes at most the given number of rows and returns how many it changed. Returns true where there may
 * be more, for another transaction.
 */
export function changeWindow(change: (limit: number) => number, duration: number = WINDOW_MS): boolean {
  const started = performance.now()
  let rows = MIN_ROWS
  for (let last = started; ; ) {
    if (change(rows) < rows) return false
    const now = performance.now()
    if (now - started >= duration) return true
    rows = now - last > STATEMENT_MS ? Math.max(1, Math.floor(rows / 2)) : Math.min(MAX_ROWS, rows * 2)
    last = now
  }
}

/** How long the lock is left to others after a transaction of this duration, before the next one of its kind, ms. */
export function pauseAfter(duration: number): number {
  return 2 * duration
}

/**
 * Transactions of `work` until it returns false, with pauses in which other processes write. `unref`: the process may
 * end during a pause.
 */
export async function writeInWindows(
  writer: Writer,
  work: () => boolean,
  { unref = false }: { readonly unref?: boolean } = {},
): Promise<void> {
  for (let more = true; more; ) {
    let duration = 0
    more = await writer.write(() => {
      const started = performance.now()
      const left = work()
      duration = performance.now() - started
      return left
    })
    if (more) await sleep(pauseAfter(duration), undefined, { ref: !unref })
  }
}
