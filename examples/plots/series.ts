/** A value of a day. */
export interface Point {
  readonly date: Date
  readonly value: number
}

const DAY = 86_400_000
/** Values are from 0 to this. */
export const LARGEST = 1000

/** As many days from the day of `start` on (UTC), each with a whole random number. */
export function randomSeries(start: Date, days: number): Point[] {
  const first = Math.floor(start.getTime() / DAY) * DAY
  return Array.from({ length: days }, (_, index) => ({
    date: new Date(first + index * DAY),
    value: Math.floor(Math.random() * (LARGEST + 1)),
  }))
}
