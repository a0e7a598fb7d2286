import type { Store } from '../stores/store.ts'
import type { Order } from './order.ts'
import { type Performer, perform } from './performer.ts'
import type { Conditions, Entrant, Figures, Semantics } from './scenario.ts'

/** A library with its client and its worker, on one kind of store. */
export interface Side<S extends Store> {
  readonly name: string
  readonly semantics: Semantics
  /** Unanswered calls at a time. */
  readonly inFlight: number
  /** Tasks/s that a worker drains: sizes the first backlog. */
  readonly rate: number
  /** The longest backlog that is worth its filling. Absent: as long as the window. */
  readonly maxBacklog?: number
  /** Where npm has installed it; absent: it needs no installation. Rejects when that fails. */
  install?(): Promise<string>
  /** What is measured, in words. Rejects with the reason why it cannot be measured here. */
  version(conditions: Conditions): Promise<string>
  start(order: Order): Performer
  /** Messages that wait or are held; ask for the store's counters before. */
  messages(store: S): Promise<number>
  /** Final records of tasks. Absent: it keeps none. */
  results?(store: S): Promise<number>
}

/** Entrants of a scenario from the sides of a store. `open` gives the store. */
export function entrantsOf<S extends Store>(
  open: (conditions: Conditions) => Promise<S>,
  sides: readonly Side<S>[],
  measure: (conditions: Conditions, store: S, side: Side<S>) => Promise<Figures>,
): Entrant[] {
  return sides.map((side) => ({
    name: side.name,
    semantics: side.semantics,
    async prepare(conditions) {
      // A server that is not installed is a reason too.
      await open(conditions)
      return side.version(conditions)
    },
    run: async (conditions) => measure(conditions, await open(conditions), side),
  }))
}

/** An empty store for the side. */
export async function placeOf<S extends Store>({ root }: Conditions, store: S, side: Side<S>) {
  return { ...(await store.empty()), root, folder: (await side.install?.()) ?? '' }
}

/** Asks a process of the side, where it takes one to see that it works. */
export async function askVersion(start: (order: Order) => Performer, root: string, folder: string): Promise<string> {
  return perform<string>(start, { role: 'version', url: 'sqlite::memory:', backend: '', root, folder })
}
