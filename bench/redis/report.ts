import type { Spread } from '../statistics.ts'
import { spread } from '../statistics.ts'
import type { Figures } from './scenarios.ts'

/** What one scenario gave for one side. */
export interface Measured {
  readonly scenario: string
  readonly side: string
  readonly figures: Readonly<Record<string, Spread>>
}

/** A figure that must hold, and whether it does. */
export interface Verdict {
  readonly name: string
  readonly value: number
  readonly expected: string
  readonly holds: boolean
}

export function spreads(runs: readonly Figures[]): Record<string, Spread> {
  const names = Object.keys(runs[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, spread(runs.map((figures) => figures[name] as number))]))
}

/** One line per figure, one column per side: median, and the range below it. */
export function rowsOf(
  scenario: string,
  title: string,
  sides: readonly string[],
  all: readonly Measured[],
): string[][] {
  const mine = sides.map((side) => all.find((one) => one.scenario === scenario && one.side === side)?.figures)
  const names = Object.keys(mine.find((figures) => figures !== undefined) ?? {})
  if (names.length === 0) return []
  const lines = names.map((name) => [`  ${name}`, ...mine.map((figures) => cell(figures?.[name]))])
  return [[`${scenario}: ${title}`], ...lines]
}

function cell(measured: Spread | undefined): string {
  if (!measured) return ''
  const { median, min, max } = measured
  return min === max ? text(median) : `${text(median)} (${text(min)} - ${text(max)})`
}

export function text(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0 })
}

/** What must hold, as far as it was measured. */
export function verdicts(all: readonly Measured[]): Verdict[] {
  const of = (scenario: string, figure: string, side = 'celeriac'): number | undefined =>
    all.find((one) => one.scenario === scenario && one.side === side)?.figures[figure]?.median
  const ratio = (scenario: string, figure: string, side: string): number | undefined =>
    quotient(of(scenario, figure), of(scenario, figure, side))
  const whole = (figure: string): number | undefined => sum(of('enqueue', figure), of('drain', figure))
  return [
    atLeast('enqueue, rate / BullMQ', ratio('enqueue', 'tasks/s', 'BullMQ'), 3),
    atLeast('enqueue, rate / Celery', ratio('enqueue', 'tasks/s', 'Celery')),
    atLeast('drain, rate / BullMQ', ratio('drain', 'tasks/s', 'BullMQ'), 3),
    atLeast('drain, rate / Celery prefork', ratio('drain', 'tasks/s', 'Celery'), 30),
    atMost('operations per task, enqueue and drain', whole('operations/task'), 9),
    atMost('round trips per task, drain', of('drain', 'round trips/task'), 0.1),
    atMost('round trips per task, enqueue and drain', whole('round trips/task'), 0.1),
    atMost('round trip, p50 ms', of('round-trip', 'p50 ms'), 1),
    atMost('round trip, p99 ms', of('round-trip', 'p99 ms'), 5),
    atLeast('drain with 1 ms latency / without, same proxy', of('latency', 'share kept'), 0.7),
    atLeast('drain with 1 ms latency / direct', quotient(of('latency', 'tasks/s, 1 ms'), of('drain', 'tasks/s')), 0.7),
    atMost('idle worker, commands/s', of('idle', 'commands/s'), 1),
    atLeast(
      'backlog, rate of 1,000,000 / 10,000',
      quotient(of('backlog-1000000', 'tasks/s'), of('backlog-10000', 'tasks/s')),
      0.9,
    ),
  ].filter((verdict) => verdict !== undefined)
}

function atLeast(name: string, value: number | undefined, limit?: number): Verdict | undefined {
  if (value === undefined) return undefined
  return {
    name,
    value,
    expected: limit === undefined ? '' : `>= ${limit}`,
    holds: limit === undefined || value >= limit,
  }
}

function atMost(name: string, value: number | undefined, limit: number): Verdict | undefined {
  return value === undefined ? undefined : { name, value, expected: `<= ${limit}`, holds: value <= limit }
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b
}
