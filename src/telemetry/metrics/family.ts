/** What a value is of: label values by name. */
export type Labels = Readonly<Record<string, string | number>>

export interface MetricValue {
  /** The series, where it is not named as its family: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** The values of one metric at one moment: plain data, as prom-client writes and reads it, that crosses processes. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How the values of several processes become one: `sum`, `min`, `average`… */
  readonly aggregator: string
  readonly values: readonly MetricValue[]
}

/** What only grows. */
const CUMULATIVE_TYPES: ReadonlySet<string> = new Set(['counter', 'histogram'])

/** The sums of what only grows in several processes: what is left of them when they have ended. */
export function sumsOf(reports: readonly (readonly Family[])[]): Family[] {
  const growing = reports.flat().filter(({ type }) => CUMULATIVE_TYPES.has(type))
  return [...Map.groupBy(growing, ({ name }) => name).values()].map((families) => ({
    ...(families[0] as Family),
    values: sums(families.flatMap(({ values }) => values)),
  }))
}

function sums(values: readonly MetricValue[]): MetricValue[] {
  const keyOf = ({ metricName, labels }: MetricValue): string =>
    JSON.stringify([metricName, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
  return [...Map.groupBy(values, keyOf).values()].map((same) => ({
    ...(same[0] as MetricValue),
    value: same.reduce((sum, { value }) => sum + value, 0),
  }))
}
