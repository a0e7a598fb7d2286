import type { Conditions, Entrant, Scenario } from './harness/scenario.ts'
import type { EntrantFacts, Failure, Results, Run } from './report/results.ts'

type Measured = Pick<Results, 'entrants' | 'missing' | 'runs' | 'failures'>

/** Everything once, entrant after entrant, then all again: a slow minute of the machine does not fall on one of them alone. */
export async function measureAll(
  scenarios: readonly Scenario[],
  conditions: Conditions,
  settings: { readonly sides: ReadonlySet<string> | undefined; readonly repeats: number },
  log: (line: string) => void,
): Promise<Measured> {
  const { ready, entrants, missing } = await prepareAll(scenarios, conditions, settings.sides, log)
  const runs: Run[] = []
  const failures: Failure[] = []
  for (let repeat = 1; repeat <= settings.repeats; repeat++) {
    for (const { name, repeats = settings.repeats, entrants } of ready) {
      if (repeat > repeats) continue
      // Each of them is first once, last once.
      for (const entrant of rotated(entrants, repeat - 1)) {
        const facts = { scenario: name, entrant: entrant.name, repeat }
        log(`${name} ${entrant.name} ${repeat}/${Math.min(repeats, settings.repeats)}`)
        try {
          runs.push({ ...facts, figures: await entrant.run(conditions) })
        } catch (error) {
          const problem = reasonOf(error)
          log(`  failed: ${problem}`)
          failures.push({ ...facts, problem })
        }
      }
    }
  }
  return { entrants, missing, runs, failures }
}

interface Prepared {
  readonly ready: readonly Scenario[]
  readonly entrants: readonly EntrantFacts[]
  readonly missing: Results['missing']
}

async function prepareAll(
  scenarios: readonly Scenario[],
  conditions: Conditions,
  sides: ReadonlySet<string> | undefined,
  log: (line: string) => void,
): Promise<Prepared> {
  /** By store and entrant: a version, or why there is none. */
  const known = new Map<string, Promise<string>>()
  const entrants: EntrantFacts[] = []
  const missing: Results['missing'][number][] = []
  const ready: Scenario[] = []
  for (const scenario of scenarios) {
    const usable: Entrant[] = []
    for (const entrant of scenario.entrants.filter(({ name }) => !sides || sides.has(name.toLowerCase()))) {
      const key = `${keyOf(scenario)} ${entrant.name}`
      const prepared = known.get(key) ?? entrant.prepare(conditions)
      known.set(key, prepared)
      const facts = { scenario: scenario.name, entrant: entrant.name }
      try {
        entrants.push({ ...facts, version: await prepared, semantics: entrant.semantics })
        usable.push(entrant)
      } catch (error) {
        missing.push({ ...facts, problem: reasonOf(error) })
        log(`${scenario.name} without ${entrant.name}: ${reasonOf(error)}`)
      }
    }
    if (usable.length > 0) ready.push({ ...scenario, entrants: usable })
  }
  return { ready, entrants, missing }
}

/** Scenarios of one store have the same entrants, but for the beat and for backlogs. */
function keyOf({ name }: Scenario): string {
  return /\/(?:beat|backlog-\d+)$/.test(name) ? name : (name.split('/')[0] ?? name)
}

function rotated<Value>(values: readonly Value[], by: number): Value[] {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
