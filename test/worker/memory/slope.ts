/**
 * How much a series rises from one value to the next: the median of the slopes between any two (Theil and Sen). A step,
 * as the allocator makes one now and then, or a value far off changes it little.
 */
export function slope(values: readonly number[]): number {
  const slopes = values.flatMap((from, at) => values.slice(at + 1).map((to, apart) => (to - from) / (apart + 1)))
  slopes.sort((a, b) => a - b)
  const middle = slopes.length / 2
  return ((slopes[Math.floor(middle)] as number) + (slopes[Math.ceil(middle) - 1] as number)) / 2
}
