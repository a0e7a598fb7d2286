/** A figure that was measured several times. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: quantile(sorted, 0), max: quantile(sorted, 1) }
}

/** The value below which the share `q` of the sorted values lies. */
export function quantile(sorted: readonly number[], q: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
  if (value === undefined) throw new RangeError('quantile: expected at least one value, got none')
  return value
}

/** How `y` grows with `x`, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  let above = 0
  let below = 0
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY)
    below += (x - meanX) ** 2
  }
  return below === 0 ? 0 : above / below
}

/** A ratio, and the interval that holds the true one with a probability of 95 %. */
export interface RatioInterval {
  readonly ratio: number
  readonly low: number
  readonly high: number
}

/** Of pairs: the geometric mean of `b / a`, with Student's interval of the logarithms. At least two pairs, all values above 0. */
export function ratioOf(pairs: readonly (readonly [a: number, b: number])[]): RatioInterval {
  if (pairs.length < 2) throw new RangeError(`ratio: expected at least two pairs, got ${pairs.length}`)
  const logs = pairs.map(([a, b]) => Math.log(b / a))
  const center = mean(logs)
  const variance = logs.reduce((sum, value) => sum + (value - center) ** 2, 0) / (logs.length - 1)
  const reach = studentQuantile(logs.length - 1) * Math.sqrt(variance / logs.length)
  return { ratio: Math.exp(center), low: Math.exp(center - reach), high: Math.exp(center + reach) }
}

/**
 * Student's t for 97.5 %, with so many degrees of freedom: exact for one and two, then by the series of Cornish and Fisher, 1 %
 * too small at three and exact to three digits from ten on.
 */
export function studentQuantile(freedom: number): number {
  if (freedom === 1) return 12.706
  if (freedom === 2) return 4.303
  const z = 1.959964
  const first = (z ** 3 + z) / 4
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384
  return z + first / freedom + second / freedom ** 2 + third / freedom ** 3
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
