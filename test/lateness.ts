/** How often the clock is looked at, ms. */
const STEP = 10

/**
 * Begin to measure how late timers of this process are. The function that it returns ends that and gives the sum, ms: near
 * 0 on an idle machine. What a busy machine takes from a test is not the product's fault: limits of time add it.
 */
export function lateness(): () => number {
  let [sum, last] = [0, performance.now()]
  const timer = setInterval(() => {
    const now = performance.now()
    sum += Math.max(0, now - last - 2 * STEP)
    last = now
  }, STEP)
  return () => {
    clearInterval(timer)
    return sum
  }
}
