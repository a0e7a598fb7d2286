/** Over how long a rate is taken, ms. */
const WINDOW_MS = 10_000

/** Tasks per second. */
export interface Rates {
  readonly received: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
}

type Counts = Record<keyof Rates, number>

/** What is counted, by the type of the event. */
const COUNTED: ReadonlyMap<string, keyof Rates> = new Map([
  ['task-received', 'received'],
  ['task-succeeded', 'succeeded'],
  ['task-failed', 'failed'],
  ['task-retried', 'retried'],
])

/** How many events of tasks come, over the last 10 seconds. */
export class EventRates {
  readonly #counts: Counts = { received: 0, succeeded: 0, failed: 0, retried: 0 }
  /** The counts at some moments of the last 10 seconds, and the last before them. */
  readonly #samples: { readonly at: number; readonly counts: Counts }[] = []
  #sawTasks = false

  /** An event of this type came. */
  count(type: string): void {
    if (type.startsWith('task-') && type !== 'task-sent') this.#sawTasks = true
    const name = COUNTED.get(type)
    if (name) this.#counts[name]++
  }

  /** Remember the counts of this moment, ms. At most once a second. */
  sample(at: number): void {
    if (at - (this.#samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY) < 1000) return
    this.#samples.push({ at, counts: { ...this.#counts } })
    while ((this.#samples[1]?.at ?? at) <= at - WINDOW_MS) this.#samples.shift()
  }

  /** Undefined where no worker has sent an event of a task. */
  at(now: number): Rates | undefined {
    const [first] = this.#samples
    if (!this.#sawTasks || !first) return undefined
    const seconds = Math.max(1, (now - first.at) / 1000)
    const perSecond = (name: keyof Rates): number => (this.#counts[name] - first.counts[name]) / seconds
    return {
      received: perSecond('received'),
      succeeded: perSecond('succeeded'),
      failed: perSecond('failed'),
      retried: perSecond('retried'),
    }
  }
}
