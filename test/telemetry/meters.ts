import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'

/** The SDK of OpenTelemetry, which collects when it is asked. */
export function startMeters(): { readonly provider: MeterProvider; read(): Promise<readonly MetricData[]> } {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e8, exportTimeoutMillis: 1e4 })
  const provider = new MeterProvider({ readers: [reader] })
  const read = async (): Promise<readonly MetricData[]> => {
    exporter.reset()
    await provider.forceFlush()
    return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  }
  return { provider, read }
}

/** The values of metrics by series, as Prometheus names them: `name {labels}`. */
export function seriesOf(metrics: readonly MetricData[]): Record<string, number> {
  return Object.fromEntries(
    metrics.flatMap((metric) =>
      metric.dataPointType === DataPointType.HISTOGRAM
        ? metric.dataPoints.flatMap((point) => bucketsOf(metric.descriptor.name, point))
        : (metric.dataPoints as DataPoint<number>[]).map(({ attributes, value }) => [
            seriesName(metric.descriptor.name, attributes),
            value,
          ]),
    ),
  )
}

/** Of one series, whatever the order of its labels. */
export function seriesName(name: string, labels: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))
  return `${name} ${JSON.stringify(Object.fromEntries(sorted.map(([key, value]) => [key, `${value}`])))}`
}

function bucketsOf(name: string, { attributes, value }: DataPoint<Histogram>): [string, number][] {
  const { boundaries, counts } = value.buckets
  let sum = 0
  const buckets = counts.map((count, at): [string, number] => {
    sum += count
    return [seriesName(`${name}_bucket`, { ...attributes, le: boundaries[at] ?? '+Inf' }), sum]
  })
  return [
    ...buckets,
    [seriesName(`${name}_sum`, attributes), value.sum ?? 0],
    [seriesName(`${name}_count`, attributes), value.count],
  ]
}
