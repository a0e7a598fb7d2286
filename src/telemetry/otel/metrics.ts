import { type Histogram, type Meter, metrics as metricsApi, type Observable } from '@opentelemetry/api'
import type { App } from '../../app/app.ts'
import { refuseUnknown } from '../../std/validate.ts'
import type { MetricFacts, Timings } from '../metrics/counters.ts'
import type { Family } from '../metrics/family.ts'
import { type MetricSource, metricsOf } from '../metrics/metrics.ts'
import { STORE_GAUGES } from '../metrics/queueSizes.ts'

/** How an app is measured. */
export interface MetricsOptions {
  /** Default: that of OpenTelemetry's global provider, with the name `celeriac`. */
  readonly meter?: Meter | undefined
}

const KNOWN_OPTIONS = new Set(['meter'])

/**
 * The metrics of an app for OpenTelemetry, with the names and labels that Prometheus reads at `/metrics`: what this
 * process submits, runs and serves, and what lies in the queues. In the threads and processes of a pool only what they
 * submit, since their worker counts the rest. The provider must be registered before. The returned function ends it.
 * Throws ArgumentError for unknown options.
 */
export function metrics(app: App, options: MetricsOptions = {}): () => void {
  refuseUnknown(options, KNOWN_OPTIONS, 'metrics')
  const meter = options.meter ?? metricsApi.getMeter('celeriac')
  const counted = metricsOf(app)
  const ends = [counted.eachSource((source) => observed(meter, source))]
  const gauges = STORE_GAUGES.map((facts) => ({ ...facts, type: 'gauge' }))
  let isChild = false
  ends.push(
    app.onChildInit(({ pool }) => {
      isChild = pool === 'threads' || pool === 'processes'
    }),
    observedGroup(meter, gauges, async () => (isChild ? [] : counted.stored())),
  )
  return () => {
    for (const end of ends) end()
  }
}

/** Report what a source counts, from now on. The returned function ends it. */
function observed(meter: Meter, { families, timings }: MetricSource): () => void {
  const counted = families().filter(({ type }) => type !== 'histogram')
  const ends = [observedGroup(meter, counted, families), ...timings.map((each) => recorded(meter, each))]
  return () => {
    for (const end of ends) end()
  }
}

/** `read` is called once for each time that all of them are collected. */
function observedGroup(
  meter: Meter,
  families: readonly Pick<Family, 'name' | 'help' | 'type'>[],
  read: () => readonly Family[] | Promise<readonly Family[]>,
): () => void {
  const instruments = new Map(families.map((family) => [family.name, instrumentOf(meter, family)]))
  const callback: Parameters<Meter['addBatchObservableCallback']>[0] = async (result) => {
    for (const { name, values } of await read()) {
      const instrument = instruments.get(name)
      if (instrument) for (const { labels, value } of values) result.observe(instrument, value, labels)
    }
  }
  const all = [...instruments.values()]
  meter.addBatchObservableCallback(callback, all)
  return () => meter.removeBatchObservableCallback(callback, all)
}

function instrumentOf(meter: Meter, { type, ...facts }: MetricFacts & Pick<Family, 'type'>): Observable {
  const options = optionsOf(facts)
  return type === 'counter'
    ? meter.createObservableCounter(facts.name, options)
    : meter.createObservableGauge(facts.name, options)
}

/** OpenTelemetry has no histogram that is observed: its own records each time beside ours, in the same buckets. */
function recorded(meter: Meter, { facts, bounds, listeners }: Timings): () => void {
  const advice = { explicitBucketBoundaries: [...bounds] }
  const histogram: Histogram = meter.createHistogram(facts.name, { ...optionsOf(facts), advice })
  const record = histogram.record.bind(histogram)
  listeners.add(record)
  return () => void listeners.delete(record)
}

function optionsOf({ name, help }: MetricFacts): { readonly description: string; readonly unit?: string } {
  return name.endsWith('_seconds') ? { description: help, unit: 's' } : { description: help }
}
