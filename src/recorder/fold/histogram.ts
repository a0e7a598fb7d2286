/*
 * Times in buckets whose bounds grow by a factor: counts of many jobs in a few bytes, which can be added up. A
 * percentile is wrong by at most 5 % (GROWTH - 1) / (GROWTH + 1), whatever the times are.
 */

const GROWTH = 1.1
const LOG_GROWTH = Math.log(GROWTH)
/** Shorter times count as this, ms. */
const MIN_MS = 0.1
/** Longer ones as this: 31 years. */
const MAX_MS = 1e12

/** Number of jobs by bucket. */
export type Histogram = Map<number, number>

export function addTime(histogram: Histogram, ms: number): void {
  const bucket = Math.ceil(Math.log(Math.min(Math.max(ms, MIN_MS), MAX_MS) / MIN_MS) / LOG_GROWTH)
  histogram.set(bucket, (histogram.get(bucket) ?? 0) + 1)
}

export function addHistogram(sum: Histogram, other: Histogram): void {
  for (const [bucket, count] of other) sum.set(bucket, (sum.get(bucket) ?? 0) + count)
}

/** The times that these parts (0 to 1, rising) of all jobs took at most, ms; undefined where there are none. */
export function percentiles(histogram: Histogram, parts: readonly number[]): number[] | undefined {
  let total = 0
  for (const count of histogram.values()) total += count
  if (total === 0) return undefined
  const buckets = [...histogram].sort(([a], [b]) => a - b)
  let at = 0
  let seen = buckets[0]?.[1] ?? 0
  return parts.map((part) => {
    const rank = Math.max(1, Math.ceil(part * total))
    while (seen < rank && at < buckets.length - 1) seen += buckets[++at]?.[1] ?? 0
    return middleOf(buckets[at]?.[0] ?? 0)
  })
}

/** A time that is at most 5 % from each time in the bucket. */
function middleOf(bucket: number): number {
  const middle = bucket === 0 ? MIN_MS : (MIN_MS * 2 * GROWTH ** bucket) / (GROWTH + 1)
  return Number(middle.toPrecision(4))
}

/** In bytes: pairs of the distance to the bucket before, and the count. */
export function encodeHistogram(histogram: Histogram): Uint8Array {
  const bytes: number[] = []
  let before = 0
  for (const [bucket, count] of [...histogram].sort(([a], [b]) => a - b)) {
    pushNumber(bytes, bucket - before)
    pushNumber(bytes, count)
    before = bucket
  }
  return Uint8Array.from(bytes)
}

export function decodeHistogram(bytes: Uint8Array): Histogram {
  const histogram: Histogram = new Map()
  let at = 0
  let bucket = 0
  const next = (): number => {
    let value = 0
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++] as number
      value += (byte & 127) * scale
      if (byte < 128) break
    }
    return value
  }
  while (at < bytes.length) {
    bucket += next()
    histogram.set(bucket, next())
  }
  return histogram
}

/** Seven bits a byte, the lowest first. */
function pushNumber(bytes: number[], value: number): void {
  let left = value
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  bytes.push(left)
}
