import type { Results } from './results.ts'
import { type Spread, spread } from './statistics.ts'

/** One scenario's figures: rows by name, columns by entrant. */
export interface Summary {
  readonly scenario: string
  readonly title: string
  readonly entrants: readonly string[]
  /** Names of figures, in the order in which the first entrant has them. */
  readonly figures: readonly string[]
  of(figure: string, entrant: string): Spread | undefined
}

/** The scenarios that have at least one run. */
export function summarize(results: Pick<Results, 'scenarios' | 'runs'>): Summary[] {
  return results.scenarios.flatMap(({ name, title }) => {
    const runs = results.runs.filter(({ scenario }) => scenario === name)
    if (runs.length === 0) return []
    const entrants = [...new Set(runs.map(({ entrant }) => entrant))]
    const spreads = new Map<string, Spread>()
    const figures = [...new Set(runs.flatMap((run) => Object.keys(run.figures)))]
    for (const figure of figures) {
      for (const entrant of entrants) {
        const values = runs.flatMap((run) => (run.entrant === entrant ? [run.figures[figure]] : []))
        const known = values.filter((value) => value !== undefined)
        if (known.length > 0) spreads.set(`${figure}\n${entrant}`, spread(known))
      }
    }
    const of: Summary['of'] = (figure, entrant) => spreads.get(`${figure}\n${entrant}`)
    return [{ scenario: name, title, entrants, figures, of }]
  })
}

/** As `1,234 (1,200 - 1,300)`; '' where there is none. */
export function cell(measured: Spread | undefined): string {
  if (!measured) return ''
  const { median, min, max } = measured
  return min === max ? text(median) : `${text(median)} (${text(min)} - ${text(max)})`
}

export function text(value: number): string {
  const size = Math.abs(value)
  return value.toLocaleString('en', { maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0 })
}
