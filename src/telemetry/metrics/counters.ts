import type { Family, Labels } from './family.ts'

/*
 * Counting, at the least cost: the code that counts keeps a cell and adds to it. The library that formats the metrics
 * is loaded at the first scrape.
 */

/** Name of a metric, and what it says. */
export interface MetricFacts {
  readonly name: string
  readonly help: string
}

/** One number that grows. */
export class Count {
  readonly labels: Labels
  value = 0

  constructor(labels: Labels) {
    this.labels = labels
  }
}

/** A counter: a number for each set of labels. */
export class Counts {
  readonly #facts: MetricFacts
  readonly #counts: Count[] = []

  constructor(facts: MetricFacts) {
    this.#facts = facts
  }

  /** A new number, for labels that have none yet. Keep it. */
  count(labels: Labels): Count {
    const count = new Count(labels)
    this.#counts.push(count)
    return count
  }

  family(): Family {
    const values = this.#counts.map(({ labels, value }) => ({ labels, value }))
    return { ...this.#facts, type: 'counter', aggregator: 'sum', values }
  }
}

/** Is called with each time, s, and what it is of. */
type TimingListener = (seconds: number, labels: Labels) => void

/** How long something took, each time. */
export class Timing {
  readonly labels: Labels
  readonly #bounds: readonly number[]
  readonly #listeners: ReadonlySet<TimingListener>
  readonly #buckets: number[]
  #sum = 0

  constructor(labels: Labels, { bounds, listeners }: Pick<Timings, 'bounds' | 'listeners'>) {
    this.labels = labels
    this.#bounds = bounds
    this.#listeners = listeners
    this.#buckets = Array<number>(bounds.length + 1).fill(0)
  }

  observe(seconds: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && seconds > (bounds[at] as number)) at++
    ;(this.#buckets[at] as number)++
    this.#sum += seconds
    for (const listener of this.#listeners) listener(seconds, this.labels)
  }

  /** Its series: the buckets hold all that took no longer, as Prometheus wants it. */
  series(name: string): Family['values'] {
    const { labels } = this
    let count = 0
    const buckets = this.#buckets.map((value, at) => {
      count += value
      return { metricName: `${name}_bucket`, labels: { ...labels, le: this.#bounds[at] ?? '+Inf' }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}

/** A histogram: times for each set of labels. */
export class Timings {
  readonly facts: MetricFacts
  /** Of the buckets, in seconds, rising. */
  readonly bounds: readonly number[]
  readonly listeners: Set<TimingListener> = new Set()
  readonly #timings: Timing[] = []

  constructor(facts: MetricFacts, bounds: readonly number[]) {
    this.facts = facts
    this.bounds = bounds
  }

  /** A new one, for labels that have none yet. Keep it. */
  timing(labels: Labels): Timing {
    const timing = new Timing(labels, this)
    this.#timings.push(timing)
    return timing
  }

  family(): Family {
    const values = this.#timings.flatMap((timing) => timing.series(this.facts.name))
    return { ...this.facts, type: 'histogram', aggregator: 'sum', values }
  }
}

/** A number that goes up and down, as it is now. */
export function gauge(facts: MetricFacts, values: Family['values']): Family {
  return { ...facts, type: 'gauge', aggregator: 'sum', values }
}
