/** Round values between 0 and `max`, at most `count` of them beside 0, with the last at `max` or above it. */
export function ticksTo(max: number, count: number): readonly number[] {
  const rough = Math.max(max, 1e-9) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step)
}

/** Lengths of time between two marks, s: whole minutes, hours and days. */
const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000]

/** Moments between two others, ms, that are round in the time zone of the browser; at most `count`. */
export function momentsIn(from: number, to: number, count: number): readonly number[] {
  const step = 1000 * (STEPS_S.find((seconds) => (to - from) / 1000 / seconds <= count) ?? 864_000)
  const zone = new Date(to).getTimezoneOffset() * 60_000
  const first = Math.ceil((from - zone) / step) * step + zone
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, index) => first + index * step)
}

/** The points of a line in SVG, with a gap where nothing is known. */
export function pathOf(
  values: readonly (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let isDown = false
  let path = ''
  for (const [index, value] of values.entries()) {
    if (value !== null) path += `${isDown ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`
    isDown = value !== null
  }
  return path
}
