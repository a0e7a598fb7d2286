import type { App } from '../app.ts'
import { internalsOf } from '../internals.ts'

/** What the stores of an app can do, of what not all can. */
export interface StoreAbilities {
  /** List jobs by state. */
  readonly lists: boolean
  /** Show messages that wait. */
  readonly peeks: boolean
  /** Pause queues and tasks. */
  readonly pauses: boolean
  /** Keep dead letters one by one. */
  readonly keepsDead: boolean
}

/** What the stores of an app can do. Rejects with StoreUnavailableError. */
export async function storeAbilities(app: App): Promise<StoreAbilities> {
  const { broker, backend } = await internalsOf(app).stores()
  return {
    lists: backend.jobs !== undefined,
    peeks: broker.peek !== undefined,
    pauses: broker.limits !== undefined,
    keepsDead: (await backend.deadLetters?.()) !== undefined,
  }
}
