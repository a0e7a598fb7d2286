import type { App } from '../../app/app.ts'
import { internalsOf } from '../../app/internals.ts'
import { deadLetterQueue, queuesOf } from '../../app/knownQueues.ts'
import type { ResultBackend } from '../../backend/backend.ts'
import type { Broker } from '../../broker/broker.ts'
import type { MaxWaiting } from '../../broker/waitingCounts.ts'
import { queueBoundsOf } from '../../config/queueOptions.ts'
import { withDeadline } from '../../std/deadline.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { gauge, type MetricFacts } from './counters.ts'
import type { Family } from './family.ts'
import { LIMIT_GAUGES, type LimitLook, limitFamilies, lookAtLimits } from './limits.ts'

/** How long the store has to answer, ms: well within the time of a scrape, 10 s by default. */
const STORE_TIMEOUT_MS = 2000
/** How long an answer is used again, ms: however often it is scraped, the store counts once a second. */
const KEPT_MS = 1000

const UP = { name: 'celeriac_store_up', help: 'Whether the broker answered: 1 or 0.' }
const MESSAGES = {
  name: 'celeriac_queue_messages',
  help: 'Messages that wait in a queue, the delayed ones not counted.',
}
const MAX_LENGTH = {
  name: 'celeriac_queue_max_messages',
  help: 'Messages that may wait in a queue as far as calls are concerned, where the app has such a number.',
}
const BYTES = {
  name: 'celeriac_queue_bytes',
  help: 'Bytes of the messages that wait in a queue, where the app has a bound for them.',
}
const MAX_BYTES = {
  name: 'celeriac_queue_max_bytes',
  help: 'Bytes that may wait in a queue as far as calls are concerned, where the app has such a number.',
}
const OLDEST = {
  name: 'celeriac_queue_oldest_age_seconds',
  help: 'Since when the oldest message that waits in a queue could have run; 0 where none waits.',
}
const DEAD = { name: 'celeriac_queue_dead_letters', help: 'Messages from a queue that were given up.' }
const DELAYED = { name: 'celeriac_delayed_messages', help: 'Messages of the store that wait for their time.' }
const RESERVED = { name: 'celeriac_reserved_messages', help: 'Messages of the store that workers hold.' }

/** All of them. */
export const STORE_GAUGES: readonly MetricFacts[] = [
  UP,
  MESSAGES,
  MAX_LENGTH,
  BYTES,
  MAX_BYTES,
  OLDEST,
  DEAD,
  DELAYED,
  RESERVED,
  ...LIMIT_GAUGES,
]

/** What the store said; `undefined` is what it does not know. */
interface Look {
  readonly queues: readonly QueueLook[]
  readonly delayed?: number | undefined
  readonly reserved?: number | undefined
  readonly limits?: LimitLook | undefined
}

interface QueueLook {
  readonly queue: string
  readonly waiting: number
  readonly max: MaxWaiting | undefined
  readonly bytes: number | undefined
  readonly dead: number
  /** s */
  readonly age?: number | undefined
}

/** Asks the store what lies in the queues that the app knows. */
export class StoreLook {
  readonly #app: App
  readonly #tasks: () => Iterable<string>
  /** One at a time: requests to a store that is unavailable for hours must not pile up. */
  #looking: Promise<Look> | undefined
  #last: { readonly look: Look; readonly at: number } | undefined

  /** `tasks`: whose queues are of interest, too. */
  constructor(app: App, tasks: () => Iterable<string>) {
    this.#app = app
    this.#tasks = tasks
  }

  /**
   * The state now. A store that is unavailable, or does not answer in time, is reported as such and fails no scrape.
   */
  async families(): Promise<Family[]> {
    const look = await this.#current()
    const up = gauge(UP, [{ labels: {}, value: look ? 1 : 0 }])
    const of = (value: (queue: QueueLook) => number | undefined): Family['values'] =>
      (look?.queues ?? []).flatMap((one) => valuesOf(value(one), { queue: one.queue }))
    return [
      up,
      gauge(
        MESSAGES,
        of(({ waiting }) => waiting),
      ),
      gauge(
        MAX_LENGTH,
        of(({ max }) => max?.messages),
      ),
      gauge(
        BYTES,
        of(({ bytes }) => bytes),
      ),
      gauge(
        MAX_BYTES,
        of(({ max }) => max?.bytes),
      ),
      gauge(
        OLDEST,
        of(({ age }) => age),
      ),
      gauge(
        DEAD,
        of(({ dead }) => dead),
      ),
      gauge(DELAYED, valuesOf(look?.delayed)),
      gauge(RESERVED, valuesOf(look?.reserved)),
      ...limitFamilies(look?.limits),
    ]
  }

  async #current(): Promise<Look | undefined> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    try {
      const look = await withDeadline(this.#looking, STORE_TIMEOUT_MS, () => undefined)
      return look
    } catch (error) {
      if (!isStoreAway(error)) this.#app.config.logger.error({ err: error }, 'metrics: asking the store failed')
      return undefined
    }
  }

  async #look(): Promise<Look> {
    const { broker, backend } = await internalsOf(this.#app).stores()
    if (this.#last && performance.now() - this.#last.at < KEPT_MS) {
      // Whether it answers is asked each time.
      await broker.size(this.#app.config.queue)
      return this.#last.look
    }
    const look = await this.#lookAgain(broker, backend)
    this.#last = { look, at: performance.now() }
    return look
  }

  async #lookAgain(broker: Broker, backend: ResultBackend): Promise<Look> {
    const queues = queuesOf(this.#app, this.#tasks())
    const now = this.#app.config.clock.now()
    const found = await broker.backlog(queues.flatMap((queue) => [queue, deadLetterQueue(queue)]))
    const letters = await (await backend.deadLetters?.())?.count()
    const waitingIn = (queue: string): number => found.queues.get(queue)?.waiting ?? 0
    const boundOf = queueBoundsOf(this.#app.config)
    const looks: QueueLook[] = []
    for (const queue of queues) {
      const oldest = found.queues.get(queue)?.oldest
      const waiting = waitingIn(queue)
      const age = oldest === undefined ? undefined : Math.max(0, now - oldest) / 1000
      const max = boundOf?.(queue)
      looks.push({
        queue,
        waiting,
        max,
        bytes: max?.bytes === undefined ? undefined : await broker.bytes?.waiting(queue),
        dead: waitingIn(deadLetterQueue(queue)) + (letters?.get(queue) ?? 0),
        age: waiting === 0 ? 0 : age,
      })
    }
    const limits = broker.limits && (await lookAtLimits(broker.limits))
    return { queues: looks, delayed: found.delayed, reserved: found.held, limits }
  }
}

function valuesOf(value: number | undefined, labels: Readonly<Record<string, string>> = {}): Family['values'] {
  return value === undefined ? [] : [{ labels, value }]
}
