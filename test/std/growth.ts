/**
 * How much longer a synchronous piece of work takes for eight times the input: about 8 where it is linear, 64 where it is quadratic. The
 * best of five, so that a busy machine does not count.
 */
export function growth(work: (length: number) => unknown, length: number): number {
  const best = (size: number): number => {
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now()
      work(size)
      return performance.now() - started
    })
    return Math.min(...times)
  }
  const short = best(length)
  return best(8 * length) / Math.max(short, 0.05)
}
