import type { ResultBackend } from '../backend/backend.ts'
import type { Broker } from '../broker/broker.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { PENDING } from '../protocol/states.ts'
import type { Config } from './config.ts'

/** How long a call waits for its task before it looks whether a worker is there, ms. */
const CHECK_AFTER = 5000

interface Stores {
  readonly broker: Broker
  readonly backend: ResultBackend
}

interface Wait {
  readonly id: string
  readonly since: number
}

/**
 * Warns once when a call waits for a task that nothing takes, as no worker is connected. Waits share one timer, and none that ends in time
 * asks the store anything.
 */
export class WorkerCheck {
  readonly #config: () => Config
  readonly #stores: () => Promise<Stores>
  readonly #after: number
  /** The oldest first. */
  readonly #waits = new Set<Wait>()
  #timer: NodeJS.Timeout | undefined
  #warned = false

  constructor(config: () => Config, stores: () => Promise<Stores>, after: number = CHECK_AFTER) {
    this.#config = config
    this.#stores = stores
    this.#after = after
  }

  /** A call begins to wait for a task; the returned function ends that. */
  begin(id: string): () => void {
    if (this.#warned) return () => undefined
    const wait = { id, since: performance.now() }
    this.#waits.add(wait)
    this.#arm(this.#after)
    return () => {
      this.#waits.delete(wait)
    }
  }

  #arm(delay: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#look()
    }, delay).unref()
  }

  async #look(): Promise<void> {
    const [oldest] = this.#waits
    if (!oldest || this.#warned) return
    const left = oldest.since + this.#after - performance.now()
    if (left <= 0) {
      // One answer holds for all that wait for as long.
      for (const wait of this.#waits) if (wait.since + this.#after <= performance.now()) this.#waits.delete(wait)
      await this.#check(oldest)
    }
    if (this.#waits.size > 0 && !this.#warned) this.#arm(Math.max(1, left > 0 ? left : this.#after))
  }

  async #check({ id }: Wait): Promise<void> {
    const { logger } = this.#config()
    try {
      const { broker, backend } = await this.#stores()
      const [meta] = await backend.load([id])
      if (meta?.status !== PENDING || meta.queue === undefined) return
      if ((await broker.workers?.(meta.queue)) !== 0 || (await broker.size(meta.queue)) === 0) return
      this.#warned = true
      this.#waits.clear()
      logger.warn({ id, queue: meta.queue }, warning(meta, broker.url))
    } catch (error) {
      // A store that is away is reported to the call that waits.
      logger.debug({ err: error }, 'whether a worker is connected cannot be found out')
    }
  }
}

function warning({ task_id: id, name, queue }: TaskMeta, url: string): string {
  return `no worker is connected to ${url}: nothing has taken task ${name}[${id}] from queue ${queue} yet`
}
