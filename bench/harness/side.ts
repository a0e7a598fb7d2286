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
  /** Where npm has installed it; absent: it needs no installation. Rejects when that fails. */
  install?(): Promise<string>
  start(order: Order): Performer
  /** Messages that wait or are held. */
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
      const store = await open(conditions)
      const order = { role: 'version', ...(await placeOf(conditions, store, side)) } as const
      return perform<string>((one) => side.start(one), order)
    },
    run: async (conditions) => measure(conditions, await open(conditions), side),
  }))
}

/** An empty store for the side. */
export async function placeOf<S extends Store>({ root }: Conditions, store: S, side: Side<S>) {
  return { ...(await store.empty()), root, folder: (await side.install?.()) ?? '' }
}
