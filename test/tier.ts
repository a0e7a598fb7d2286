/** `npm run test:full`: a test that only it has is defined under this condition. */
export const isFull: boolean = process.env.TEST_TIER === 'full'

/** How often a property is tried, or how many tasks are sent: all in `npm run test:full`, a third in `npm test`, a tenth in `test:quick`. */
export function runs(count: number): number {
  return isFull ? count : Math.ceil(count / (process.env.TEST_TIER === 'quick' ? 10 : 3))
}

/** Further cases of a test, of the same kind as one that `npm test` has: only in `npm run test:full`. */
export function inFull<Value>(...values: readonly Value[]): readonly Value[] {
  return isFull ? values : []
}
