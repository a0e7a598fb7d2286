import { uuid } from '../../std/id.ts'
import { nextTurn } from '../../std/pause.ts'
import {
  type Due,
  type EntryChange,
  MAX_CLOCK_SKEW_MS,
  type ScheduleStore,
  type StoredEntry,
  type StoredRun,
} from '../scheduleStore.ts'

interface Kept extends StoredEntry {
  readonly due: number | undefined
  readonly waiting: boolean
}

/** A schedule in this process's memory, lost at its end. */
export class MemoryScheduleStore implements ScheduleStore {
  readonly url = 'memory:'
  readonly #entries = new Map<string, Kept>()
  readonly #runs = new Map<string, StoredRun & { readonly until: number }>()
  readonly #listeners = new Set<() => void>()
  #untouched = true

  async list(): Promise<readonly StoredEntry[]> {
    return [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]> {
    return names.map((name) => this.#entries.get(name))
  }

  async swap(
    changes: readonly EntryChange[],
    { quiet = false }: { quiet?: boolean } = {},
  ): Promise<readonly boolean[]> {
    const done = changes.map((change) => this.#swap(change))
    if (!quiet && done.includes(true)) {
      this.#untouched = false
      for (const listener of [...this.#listeners]) void nextTurn().then(listener)
    }
    return done
  }

  async untouched(): Promise<boolean> {
    return this.#untouched
  }

  async due(now: number, limit: number): Promise<Due> {
    const all = [...this.#entries.values()]
    const due = all.filter((entry) => (entry.due ?? Number.POSITIVE_INFINITY) <= now).sort(byDue)
    const times = [
      ...all.flatMap((entry) => (entry.due !== undefined && entry.due > now ? [entry.due] : [])),
      ...[...this.#runs.values()].map((run) => run.until),
    ]
    const next = times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b))
    const waiting = all.filter((entry) => entry.waiting)
    return { entries: due.slice(0, limit), waiting, claimed: [...this.#runs.keys()], next }
  }

  async takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]> {
    const isFree = (run: { until: number }): boolean => run.until <= now || run.until > until + MAX_CLOCK_SKEW_MS
    const late = [...this.#runs.values()].filter(isFree).slice(0, limit)
    for (const run of late) this.#runs.set(run.id, { ...run, until })
    return late
  }

  async endRuns(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#runs.delete(id)
  }

  async onChange(listener: () => void): Promise<() => Promise<void>> {
    this.#listeners.add(listener)
    return async () => {
      this.#listeners.delete(listener)
    }
  }

  #swap({ name, from, to, runs = [] }: EntryChange): boolean {
    if (this.#entries.get(name)?.token !== from || (from === undefined && !to)) return false
    if (to) this.#entries.set(name, { name, token: uuid(), ...to })
    else this.#entries.delete(name)
    for (const run of runs) this.#runs.set(run.id, run)
    return true
  }
}

function byDue(a: Kept, b: Kept): number {
  return (a.due ?? 0) - (b.due ?? 0)
}
