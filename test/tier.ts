/** How often a property is tried: all runs in `npm run test:full`, a third of them in `npm test`. */
export function runs(count: number): number {
  return process.env.TEST_TIER === 'full' ? count : Math.ceil(count / 3)
}
