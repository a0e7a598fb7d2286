import fc from 'fast-check'

/** Zones whose clocks do what is hard: half an hour, two hours, midnight, a day left out, quarters, no change at all. */
export const HARD_ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Antarctica/Troll',
  'Antarctica/Casey',
  'Pacific/Apia',
  'Asia/Kathmandu',
  'Asia/Gaza',
  'Asia/Beirut',
  'Asia/Pyongyang',
  'Africa/Cairo',
  'Africa/Casablanca',
  'America/Havana',
  'America/Sao_Paulo',
  'America/St_Johns',
  'America/Caracas',
  'America/Nuuk',
  'America/Asuncion',
  'Pacific/Chatham',
  'Pacific/Norfolk',
  'UTC',
]

export const anyZone: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HARD_ZONES),
  fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
)

/** A field as text, with the numbers that it stands for, worked out while it is put together. */
export interface Part {
  readonly text: string
  readonly numbers: ReadonlySet<number>
}

const span = (from: number, to: number, step = 1) => {
  const numbers: number[] = []
  for (let number = from; number <= to; number += step) numbers.push(number)
  return numbers
}

/** Any field of numbers, ranges, steps and lists. */
export function anyPart(min: number, max: number): fc.Arbitrary<Part> {
  const number = fc.integer({ min, max })
  const range = fc.tuple(number, number).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
  const step = fc.integer({ min: 1, max: max - min + 1 })
  const one: fc.Arbitrary<[string, number[]]> = fc.oneof(
    { weight: 4, arbitrary: number.map((value): [string, number[]] => [`${value}`, [value]]) },
    range.map(([from, to]): [string, number[]] => [`${from}-${to}`, span(from, to)]),
    fc.tuple(range, step).map(([[from, to], by]): [string, number[]] => [`${from}-${to}/${by}`, span(from, to, by)]),
    step.map((by): [string, number[]] => [`*/${by}`, span(min, max, by)]),
  )
  const list = fc.array(one, { minLength: 1, maxLength: 3 }).map((parts): Part => {
    return { text: parts.map(([text]) => text).join(','), numbers: new Set(parts.flatMap(([, numbers]) => numbers)) }
  })
  return fc.oneof({ weight: 2, arbitrary: list }, fc.constant({ text: '*', numbers: new Set(span(min, max)) }))
}

/** A cron expression of five or six fields, and what it stands for. */
export interface Expression {
  readonly text: string
  readonly second: Part
  readonly minute: Part
  readonly hour: Part
  readonly date: Part
  readonly month: Part
  readonly weekday: Part
}

export function anyExpression(seconds: fc.Arbitrary<Part>): fc.Arbitrary<Expression> {
  const often = (part: fc.Arbitrary<Part>, all: Part) => fc.oneof(part, { weight: 2, arbitrary: fc.constant(all) })
  return fc
    .record({
      second: seconds,
      minute: anyPart(0, 59),
      hour: anyPart(0, 23),
      date: often(anyPart(1, 31), { text: '*', numbers: new Set(span(1, 31)) }),
      month: often(anyPart(1, 12), { text: '*', numbers: new Set(span(1, 12)) }),
      weekday: often(anyPart(0, 6), { text: '*', numbers: new Set(span(0, 6)) }),
    })
    .map((parts) => {
      const { second, minute, hour, date, month, weekday } = parts
      const five = [minute, hour, date, month, weekday].map(({ text }) => text).join(' ')
      return { ...parts, text: second.text === '' ? five : `${second.text} ${five}` }
    })
}

export const noSeconds: fc.Arbitrary<Part> = fc.constant({ text: '', numbers: new Set([0]) })

/** A moment of the years 2000 to 2100. */
export const anyMoment: fc.Arbitrary<Date> = fc.date({
  min: new Date('2000-01-01T00:00:00Z'),
  max: new Date('2100-12-31T00:00:00Z'),
  noInvalidDate: true,
})
