import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Names } from '../file/names.ts'
import { addTime, decodeHistogram, encodeHistogram, type Histogram } from './histogram.ts'

/** Lengths of the steps, ms. */
export const STEPS_MS = { '1s': 1000, '1m': 60_000, '1h': 3_600_000 } as const
const LENGTHS = Object.values(STEPS_MS)
/** Rows that are kept in memory after their transaction. */
const MAX_HOT = 1500

/** What is counted, as the columns are named. */
export const COUNTERS = ['sent', 'received', 'started', 'succeeded', 'failed', 'retried', 'revoked'] as const
export type Counter = (typeof COUNTERS)[number]
const NAMES: ReadonlySet<string> = new Set(COUNTERS)

/** A kind of event (`task-` left out) that is counted. */
export function isCounter(kind: string): kind is Counter {
  return NAMES.has(kind)
}

export interface RollupRow extends Readonly<Record<Counter, number>> {
  readonly step: number
  readonly at: number
  readonly task: number
  readonly queue: number
  readonly wait: Uint8Array
  readonly run: Uint8Array
}

interface Rollup {
  readonly key: readonly [step: number, at: number, task: number, queue: number]
  readonly counts: Record<Counter, number>
  readonly wait: Histogram
  readonly run: Histogram
}

/** One event of a job, for the statistics. */
export interface Happening {
  /** ms */
  readonly at: number
  readonly task: string | undefined
  readonly queue: string | undefined
  readonly counter: Counter
  readonly wait?: number | undefined
  readonly run?: number | undefined
}

/** Counts by second, minute and hour, for each task and queue. */
export class Rollups {
  readonly #names: Names
  readonly #hot = new Map<string, Rollup>()
  readonly #changed = new Set<Rollup>()
  readonly #find: StatementSync
  readonly #write: StatementSync

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    this.#find = db.prepare('SELECT * FROM rollup WHERE step = ? AND at = ? AND task = ? AND queue = ?')
    this.#write = db.prepare('INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  }

  count({ at, task = '', queue = '', counter, wait, run }: Happening, now: number): void {
    const ids = [this.#names.id(task, now), this.#names.id(queue, now)] as const
    // A sender whose clock is ahead must not keep a row for ever.
    const moment = Math.min(at, now)
    for (const step of LENGTHS) {
      const rollup = this.#rollup([step, Math.floor(moment / step) * step, ...ids])
      rollup.counts[counter]++
      if (wait !== undefined) addTime(rollup.wait, wait)
      if (run !== undefined) addTime(rollup.run, run)
      this.#changed.add(rollup)
    }
  }

  save(): void {
    for (const { key, counts, wait, run } of this.#changed) {
      const numbers = COUNTERS.map((name) => counts[name])
      this.#write.run(...key, ...numbers, encodeHistogram(wait), encodeHistogram(run))
    }
    this.#changed.clear()
    for (const key of this.#hot.keys()) {
      if (this.#hot.size <= MAX_HOT) return
      this.#hot.delete(key)
    }
  }

  clear(): void {
    this.#hot.clear()
    this.#changed.clear()
  }

  #rollup(key: Rollup['key']): Rollup {
    const name = key.join()
    const known = this.#hot.get(name)
    if (known) return known
    const row = this.#find.get(...key) as RollupRow | undefined
    const rollup = {
      key,
      counts: Object.fromEntries(COUNTERS.map((one) => [one, row?.[one] ?? 0])) as Record<Counter, number>,
      wait: row ? decodeHistogram(row.wait) : new Map(),
      run: row ? decodeHistogram(row.run) : new Map(),
    }
    this.#hot.set(name, rollup)
    return rollup
  }
}
