import type { App } from '../../app/app.ts'
import { queuesOf } from '../../app/knownQueues.ts'
import { withDeadline } from '../../std/deadline.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { gauge } from './counters.ts'
import type { Family } from './family.ts'

/** How long the store has to answer, ms: well within the time of a scrape, 10 s by default. */
const STORE_TIMEOUT_MS = 2000
const UP = { name: 'celeriac_store_up', help: 'Whether the broker answered: 1 or 0.' }
const MESSAGES = {
  name: 'celeriac_queue_messages',
  help: 'Messages that wait in a queue, the delayed ones not counted.',
}

/** Asks the store how much waits in the queues that the app knows. */
export class StoreLook {
  readonly #app: App
  readonly #tasks: () => Iterable<string>
  /** One at a time: requests to a store that is unavailable for hours must not pile up. */
  #looking: Promise<ReadonlyMap<string, number>> | undefined

  /** `tasks`: whose queues are of interest, too. */
  constructor(app: App, tasks: () => Iterable<string>) {
    this.#app = app
    this.#tasks = tasks
  }

  /**
   * The state now. A store that is unavailable, or does not answer in time, is reported as such and fails no scrape.
   */
  async families(): Promise<Family[]> {
    const sizes = await this.#sizes()
    const values = [...(sizes ?? [])].map(([queue, value]) => ({ labels: { queue }, value }))
    return [gauge(UP, [{ labels: {}, value: sizes ? 1 : 0 }]), gauge(MESSAGES, values)]
  }

  async #sizes(): Promise<ReadonlyMap<string, number> | undefined> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    try {
      return await withDeadline(this.#looking, STORE_TIMEOUT_MS, () => undefined)
    } catch (error) {
      if (!isStoreAway(error)) this.#app.config.logger.error({ err: error }, 'metrics: asking the store failed')
      return undefined
    }
  }

  async #look(): Promise<ReadonlyMap<string, number>> {
    const queues = queuesOf(this.#app, this.#tasks())
    const sizes = await Promise.all(queues.map((queue) => this.#app.queueSize(queue)))
    return new Map(queues.map((queue, index) => [queue, sizes[index] as number]))
  }
}
