import type { Spread } from './statistics.ts'
import { spread } from './statistics.ts'

/** The figures of one run, by name. */
export type Figures = Readonly<Record<string, number>>

/** What one scenario gave for one side. */
export interface Measured {
  readonly scenario: string
  readonly side: string
  readonly figures: Readonly<Record<string, Spread>>
}

/** The median of a figure; undefined where it was not measured. */
export function medianOf(all: readonly Measured[], scenario: string, figure: string, side: string): number | undefined {
  return all.find((one) => one.scenario === scenario && one.side === side)?.figures[figure]?.median
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

/** Undefined where it was not measured; without a limit, only told. */
export function atLeast(name: string, value: number | undefined, limit?: number): Verdict | undefined {
  if (value === undefined) return undefined
  return {
    name,
    value,
    expected: limit === undefined ? '' : `>= ${limit}`,
    holds: limit === undefined || value >= limit,
  }
}

export function atMost(name: string, value: number | undefined, limit: number): Verdict | undefined {
  return value === undefined ? undefined : { name, value, expected: `<= ${limit}`, holds: value <= limit }
}

export function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}

export function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b
}
