import { expect, test } from 'vitest'
import type { SolarEvent } from '../../../src/beat/when/schedule.ts'
import { solar } from '../../../src/beat/when/solar.ts'
import { ArgumentError } from '../../../src/std/errors.ts'
import { askCelery, type Question } from './oracle.ts'

const DAY = 86_400_000
const EVENTS: readonly SolarEvent[] = [
  'dawn_astronomical',
  'dawn_nautical',
  'dawn_civil',
  'sunrise',
  'solar_noon',
  'sunset',
  'dusk_civil',
  'dusk_nautical',
  'dusk_astronomical',
]
/** On both hemispheres, at the date line, and at midnight's edge; each has every event on every day asked about. */
const PLACES = [
  [52.52, 13.4],
  [-33.87, 151.21],
  [0, 0],
  [1.35, 103.82],
  [40.71, -74.01],
  [-18.14, 178.44],
  [-13.83, -171.77],
  [-54.8, -68.3],
] as const

test("is due when Celery's solar is, to two minutes", async () => {
  const cases = PLACES.flatMap(([lat, lon], place) =>
    EVENTS.flatMap((event) =>
      [2000, 2026, 2061, 2099].flatMap((year) =>
        // Around the equinoxes no place here is without astronomical twilight.
        [2, 8].map((month) => ({ event, lat, lon, after: Date.UTC(year, month, 5 + place, place * 3, 17) })),
      ),
    ),
  )
  const questions = cases.map(({ event, lat, lon, after }): Question => {
    // Celery 5.2 has the sun at +18 degrees for this event instead of -18; mended in later versions.
    const mended = event === 'dusk_astronomical' ? { mend: true } : {}
    return { kind: 'solar', words: { event, lat, lon }, after, count: 3, ...mended }
  })
  const answers = await askCelery(questions)
  for (const [index, { event, lat, lon, after }] of cases.entries()) {
    const answer = answers[index]
    if (!answer || 'error' in answer) throw new Error(JSON.stringify(answer))
    let from = new Date(after)
    for (const expected of answer.due) {
      const due = solar(event, lat, lon).next(from) as Date
      const label = `${event} at ${lat}, ${lon} after ${from.toISOString()}: ${due.toISOString()}`
      expect(Math.abs(due.getTime() - expected), label).toBeLessThan(120_000)
      from = new Date(Math.max(due.getTime(), expected))
    }
  }
})

test('where the sun stays up or down, is due on the first day that has the event again', () => {
  const sunset = solar('sunset', 69.65, 18.96)
  const midnightSun = sunset.next(new Date('2026-05-25T00:00:00Z')) as Date
  expect(midnightSun.toISOString()).toMatch(/^2026-07-2\d/)
  const sunrise = solar('sunrise', 69.65, 18.96).next(new Date('2026-12-01T00:00:00Z')) as Date
  expect(sunrise.toISOString()).toMatch(/^2027-01-1\d/)
})

test('goes on for ten years, once per day and never twice', () => {
  const schedule = solar('sunrise', 47.5, 179.9)
  let last = schedule.next(new Date('2026-01-01T00:00:00Z')) as Date
  for (let day = 0; day < 3650; day++) {
    const next = schedule.next(last) as Date
    expect(Math.abs(next.getTime() - last.getTime() - DAY)).toBeLessThan(300_000)
    last = next
  }
})

test.each<[unknown, unknown, unknown, RegExp]>([
  ['dawn', 1, 1, /^solar: event: expected one of dawn_astronomical, .*, got "dawn"$/],
  ['toString', 1, 1, /^solar: event: expected one of /],
  ['sunset', 91, 1, /^solar: lat: expected degrees from -90 to 90, got 91$/],
  ['sunset', 1, -181, /^solar: lon: expected degrees from -180 to 180, got -181$/],
  ['sunset', Number.NaN, 1, /^solar: lat: .* got NaN$/],
  ['sunset', '1', 1, /^solar: lat: .* got "1"$/],
  ['sunset', 90, 1, /^solar: sunset never happens at latitude 90$/],
])('refuses %j %j %j', (event, lat, lon, message) => {
  const make = () => solar(event as SolarEvent, lat as number, lon as number)
  expect(make).toThrow(ArgumentError)
  expect(make).toThrow(message)
})
