import { type Signal, signal } from '../../../api/signal.ts'
import type { JobRow } from './jobRow.ts'

/** The jobs that the user has chosen, and the row that keys move. */
export class Selection {
  readonly chosen: Signal<ReadonlyMap<string, JobRow>> = signal(new Map())
  /** Index of the row that `j` and `k` move; undefined: none. */
  readonly current: Signal<number | undefined> = signal(undefined)
  /** The row from which a range begins. */
  #anchor: number | undefined

  toggle(index: number, row: JobRow): void {
    const chosen = new Map(this.chosen.value)
    if (!chosen.delete(row.id)) chosen.set(row.id, row)
    this.#anchor = index
    this.chosen.value = chosen
  }

  /** All rows from the one that was chosen last to this one; those that are not in memory are left out. */
  extend(index: number, at: (index: number) => JobRow | undefined): void {
    const from = this.#anchor ?? index
    const chosen = new Map(this.chosen.value)
    for (let row = Math.min(from, index); row <= Math.max(from, index); row++) {
      const job = at(row)
      if (job) chosen.set(job.id, job)
    }
    this.#anchor = index
    this.chosen.value = chosen
  }

  /** Of what is chosen, as the list knows it now. */
  latest(rows: Iterable<JobRow>): JobRow[] {
    const chosen = new Map(this.chosen.value)
    for (const row of rows) if (chosen.has(row.id)) chosen.set(row.id, row)
    return [...chosen.values()]
  }

  clear(): void {
    this.#anchor = undefined
    this.current.value = undefined
    if (this.chosen.value.size > 0) this.chosen.value = new Map()
  }
}
