import type { App } from '../../app/app.ts'
import type { Timings } from './counters.ts'
import type { Family } from './family.ts'
import type { StoreLook } from './queueSizes.ts'
import { TaskMetrics } from './tasks.ts'

/** Type of the text: Prometheus' exposition format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What counts. */
export interface MetricSource {
  /** Its metrics now. Those without a value yet are among them. */
  readonly families: () => readonly Family[]
  /** Its histograms. */
  readonly timings: readonly Timings[]
}

/** What is counted of one app in this process. Nothing of it is global: two apps do not mix. */
export class Metrics {
  readonly tasks: TaskMetrics
  /**
   * Where several processes answer for one: given what this one counts, what all of them do, this one included. What it
   * rejects with fails the scrape: half of the numbers would look as if the other processes had been reset.
   */
  peers: ((own: readonly Family[]) => Promise<readonly (readonly Family[])[]>) | undefined
  readonly #app: App
  #store: Promise<StoreLook> | undefined
  readonly #sources: MetricSource[] = []
  readonly #listeners = new Set<(source: MetricSource) => void>()
  #process: Promise<() => Promise<Family[]>> | undefined

  constructor(app: App) {
    this.tasks = new TaskMetrics(app)
    this.#app = app
    const { timings } = this.tasks
    this.add({ families: () => this.tasks.families(), timings })
  }

  /** Something else that counts. */
  add(source: MetricSource): void {
    this.#sources.push(source)
    for (const listener of this.#listeners) listener(source)
  }

  /**
   * Begin something with each source, those that are added later too. The returned function ends that, by the functions
   * that `begin` returned.
   */
  eachSource(begin: (source: MetricSource) => () => void): () => void {
    const ends = this.#sources.map(begin)
    const listener = (source: MetricSource): void => void ends.push(begin(source))
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      for (const end of ends) end()
    }
  }

  /** There was a scrape: later ones must not report less. */
  get asked(): boolean {
    return this.#process !== undefined
  }

  /** What this process counts, and how it is. */
  async own(): Promise<readonly Family[]> {
    this.#process ??= processFamilies()
    const process = await (await this.#process)()
    return [...this.#sources.flatMap(({ families }) => families()), ...process]
  }

  /** What lies in the queues. */
  async stored(): Promise<readonly Family[]> {
    this.#store ??= import('./queueSizes.ts').then(({ StoreLook }) => new StoreLook(this.#app, () => this.tasks.names))
    return (await this.#store).families()
  }

  /** All of it as text of the type METRICS_TYPE, for all processes together. */
  async text(): Promise<string> {
    const [all, stored] = await Promise.all([this.#all(), this.stored()])
    const { AggregatorRegistry } = await import('prom-client')
    return AggregatorRegistry.aggregate([...all, stored]).metrics()
  }

  /**
   * Nothing else is awaited in between: the counts that are passed on must not be older than those reported already.
   */
  async #all(): Promise<readonly (readonly Family[])[]> {
    const own = await this.own()
    return this.peers ? this.peers(own) : [own]
  }
}

/**
 * What prom-client knows of the process: CPU, memory, event loop, garbage collection. Times are observed from now on.
 */
async function processFamilies(): Promise<() => Promise<Family[]>> {
  const { Registry, collectDefaultMetrics } = await import('prom-client')
  const register = new Registry()
  collectDefaultMetrics({ register })
  return async () => {
    const families = (await register.getMetricsAsJSON()) as unknown as Family[]
    return families.filter(isWellNamed).map((family) => ({
      ...family,
      // Of several processes the start of the oldest; the library would leave it out.
      aggregator: family.aggregator === 'omit' ? 'min' : family.aggregator,
      // A mean of nothing is no number.
      values: family.values.filter(({ value }) => Number.isFinite(value)),
    }))
  }
}

/** Some of the library's gauges are named as counters; the gauges that they sum up are reported beside them. */
function isWellNamed({ name, type }: Family): boolean {
  return type === 'counter' || !name.endsWith('_total')
}

const metrics = new WeakMap<App, Metrics>()

/** The metrics of an app, counted from the first call on. */
export function metricsOf(app: App): Metrics {
  const known = metrics.get(app) ?? new Metrics(app)
  metrics.set(app, known)
  return known
}
