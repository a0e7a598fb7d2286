import type { Exposition } from '../http/exposition.ts'

/** Labels that Prometheus adds to each target. */
const OF_TARGETS = ['job', 'instance']
const METRIC = /\b((?:celeriac|flower|process|nodejs)_\w+)(?:\{([^}]*)\})?/g

/** The metrics that an expression of PromQL reads. */
export function metricsIn(expression: string): string[] {
  return [...expression.matchAll(METRIC)].map(([, name = '']) => name)
}

/** What is wrong in an expression: metrics that these processes do not have, and labels that the metrics do not have. */
export function faultsOf(expression: string, known: Exposition): string[] {
  const faults: string[] = []
  const labels = new Set(OF_TARGETS)
  for (const [, name = '', matchers = ''] of expression.matchAll(METRIC)) {
    const own = new Set(known.all(name).flatMap((sample) => Object.keys(sample.labels)))
    if (known.all(name).length === 0) faults.push(`no metric ${name}`)
    for (const label of own) labels.add(label)
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (!own.has(label) && !OF_TARGETS.includes(label)) faults.push(`${name} has no label ${label}`)
  }
  for (const [, list = ''] of expression.matchAll(/\bby\s*\(([^)]*)\)/g))
    for (const label of list.split(',').map((each) => each.trim()))
      if (!labels.has(label)) faults.push(`by a label that is not there: ${label}`)
  return faults
}
