import { duration } from '../../parts/text/format.ts'

/** How a clock is against that of the server; `skew` in ms, undefined where it may be right. */
export function clockText(skew: number | undefined): string {
  if (skew === undefined) return 'right'
  return `at least ${duration(Math.abs(skew))} ${skew > 0 ? 'ahead' : 'behind'}`
}
