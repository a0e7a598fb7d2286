/** How much of the past is shown, and in which steps. */
export interface Range {
  readonly name: string
  readonly label: string
  /** ms */
  readonly length: number
  readonly step: '1s' | '1m' | '1h'
  /** ms between two loads, where changes do not come by themselves. */
  readonly every: number
}

export const STEP_MS: Readonly<Record<Range['step'], number>> = { '1s': 1000, '1m': 60_000, '1h': 3_600_000 }

export const RANGES: readonly [Range, ...Range[]] = [
  { name: '5m', label: '5 min', length: 300_000, step: '1s', every: 30_000 },
  { name: '1h', label: '1 hour', length: 3_600_000, step: '1m', every: 15_000 },
  { name: '24h', label: '24 hours', length: 86_400_000, step: '1m', every: 60_000 },
  { name: '30d', label: '30 days', length: 30 * 86_400_000, step: '1h', every: 300_000 },
]
