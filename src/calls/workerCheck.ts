import type { ResultBackend } from '../backend/backend.ts'
import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { PENDING } from '../protocol/states.ts'
import { ONCE_FIELD } from '../std/log.ts'

/** How long a call waits for its task before it checks whether a worker is connected, ms. */
const CHECK_DELAY_MS = 5000

interface Stores {
  readonly broker: Broker
  readonly backend: ResultBackend
}

/** The task in which a call waits. */
interface Waiter {
  readonly id: string
  readonly task: string
}

interface Wait {
  readonly id: string
  readonly by: Waiter | undefined
  readonly since: number
}

/**
 * Warns when a call waits for a task that is not taken: because no worker is connected, or, inside a task, because no
 * worker has a free slot while that task occupies one. Each is logged once. Waits share one timer, and a wait that ends
 * in time sends no request to the store.
 */
export class WorkerCheck {
  readonly #config: () => Config
  readonly #stores: () => Promise<Stores>
  readonly #after: number
  /** The oldest first. */
  readonly #waits = new Set<Wait>()
  /** Prevents the next check. */
  #cancel: (() => void) | undefined
  readonly #warned = new Set<'no worker' | 'no slot'>()

  constructor(config: () => Config, stores: () => Promise<Stores>, after: number = CHECK_DELAY_MS) {
    this.#config = config
    this.#stores = stores
    this.#after = after
  }

  /** A call begins to wait for a task, inside task `by`; the returned function ends that. */
  begin(id: string, by?: Waiter): () => void {
    if (this.#warned.has('no worker')) return () => undefined
    const wait = { id, by, since: this.#now() }
    this.#waits.add(wait)
    this.#arm(this.#after)
    return () => {
      this.#waits.delete(wait)
    }
  }

  /** The stores are closed: check nothing more of what waits now. */
  end(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#waits.clear()
  }

  #now(): number {
    return this.#config().clock.now()
  }

  #arm(delay: number): void {
    const look = (): void => {
      this.#cancel = undefined
      void this.#look()
    }
    this.#cancel ??= this.#config().clock.after(delay, look, true)
  }

  async #look(): Promise<void> {
    const limit = this.#now() - this.#after
    const due = [...this.#waits].filter(({ since }) => since <= limit)
    for (const wait of due) this.#waits.delete(wait)
    // One answer is valid for all that have waited this long; a wait inside a task can lead to either warning.
    const asked = due.find(({ by }) => by !== undefined) ?? due[0]
    if (asked) await this.#check(asked)
    const [next] = this.#waits
    if (next) this.#arm(Math.max(1, next.since + this.#after - this.#now()))
  }

  async #check({ id, by }: Wait): Promise<void> {
    const { logger } = this.#config()
    try {
      const { broker, backend } = await this.#stores()
      const [meta] = await backend.load([id])
      if (meta?.status !== PENDING || meta.queue === undefined) return
      const workers = await broker.workers?.(meta.queue)
      if ((await broker.size(meta.queue)) === 0) return
      if (workers === 0) this.#warn('no worker', meta, noWorker(meta, broker.url))
      else if (by) this.#warn('no slot', meta, noSlot(meta, by))
    } catch (error) {
      // An unavailable store is reported to the call that waits.
      logger.debug({ err: error }, 'whether a worker is connected cannot be found out')
    }
  }

  #warn(kind: 'no worker' | 'no slot', { task_id: id, queue }: TaskMeta, text: string): void {
    if (this.#warned.has(kind)) return
    this.#warned.add(kind)
    if (kind === 'no worker') this.#waits.clear()
    this.#config().logger.warn({ id, queue, [ONCE_FIELD]: kind }, text)
  }
}

function noWorker({ task_id: id, name, queue }: TaskMeta, url: string): string {
  return `no worker is connected to ${url}: nothing has taken task ${name}[${id}] from queue ${queue} yet`
}

function noSlot({ task_id: id, name, queue }: TaskMeta, by: Waiter): string {
  return `task ${by.task}[${by.id}] holds a slot of its worker while it waits for task ${name}[${id}], which no worker of queue ${queue} has a free slot for: where all of them wait like this, none ever goes on. Only tasks of the pool inline lend their slots while they wait, and not more than 100 or its concurrency at once. Give the workers more concurrency, or the other task a queue with workers of its own`
}
