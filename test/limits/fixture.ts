import type { App } from '../../src/app/app.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { type Lab, onEachStore, onStores, type StoreKind } from '../app/lab.ts'
import { isFull } from '../tier.ts'

type LimitedSuite = (lab: () => Lab, kind: StoreKind) => void

/** Run a suite on each store that keeps limits, and on RabbitMQ beside one; on PostgreSQL in the full tier. */
export function onLimitedStores(suite: LimitedSuite): void {
  onEachStore(suite)
}

/** For what people see of limits: in `npm test` on two stores, as all give the same states. */
export function onTwoLimitedStores(suite: LimitedSuite): void {
  if (isFull) onEachStore(suite)
  else onStores(['sqlite', 'redis'], suite)
}

/** An app on the store; beside RabbitMQ its limits are in a file. */
export function limitedApp(lab: Lab, options: CeleriacOptions = {}): App {
  return lab.app({ ...(lab.kind === 'rabbitmq' && { limits: `sqlite:${lab.path}` }), ...options })
}

/** Counts what runs at once, in all and by key. */
export class Gauge {
  readonly #now = new Map<string, number>()
  readonly #most = new Map<string, number>()
  /** When each run began, ms since the epoch. */
  readonly begun: number[] = []

  /** Run something under a key. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    this.begun.push(Date.now())
    const now = (this.#now.get(key) ?? 0) + 1
    this.#now.set(key, now)
    this.#most.set(key, Math.max(now, this.most(key)))
    try {
      return await work()
    } finally {
      this.#now.set(key, (this.#now.get(key) ?? 0) - 1)
    }
  }

  /** The most that ran at once under this key. */
  most(key: string): number {
    return this.#most.get(key) ?? 0
  }
}
