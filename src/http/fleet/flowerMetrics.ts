import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'
import type { FlowerMetrics } from '../../telemetry/metrics/flower.ts'
import type { Metrics } from '../../telemetry/metrics/metrics.ts'

/** The starts of those that count, by app. */
const starts = new WeakMap<App, Promise<FlowerMetrics>>()

/**
 * Report a fleet under Flower's names, too. They are counted from the first scrape on, or from `startFlowerMetrics`.
 * Throws ConfigError where several processes answer for one: each would count every event.
 */
export function addFlowerMetrics(app: App, metrics: Metrics): void {
  if (metrics.peers)
    throw new ConfigError(
      'http: fleet: flowerMetrics: expected one process, got serve --workers: celeriac dashboard serves them',
    )
  let source: FlowerMetrics | undefined
  const begin = (): void => {
    startFlowerMetrics(app).then(
      (started) => {
        source = started
      },
      (error: Error) => app.config.logger.warn({ err: error }, `no metrics of Flower: ${error.message}`),
    )
  }
  metrics.add({
    timings: [],
    families: () => {
      if (!source) begin()
      return source?.families() ?? []
    },
  })
}

/** Count from now on. Rejects with StoreUnavailableError; the next call tries again. */
export function startFlowerMetrics(app: App): Promise<FlowerMetrics> {
  const known = starts.get(app)
  if (known) return known
  const start = begin(app)
  starts.set(app, start)
  start.catch(() => starts.delete(app))
  return start
}

async function begin(app: App): Promise<FlowerMetrics> {
  const { flowerMetricsOf } = await import('../../telemetry/metrics/flower.ts')
  const flower = flowerMetricsOf(app)
  await flower.start()
  return flower
}
