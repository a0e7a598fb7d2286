import type { Arguments } from './arguments.ts'
import type { Conditions, Figures, Scenario } from './harness/scenario.ts'
import { machine } from './machine.ts'
import { FORMAT, type Results, type Run, saveResults } from './report/results.ts'
import { type RatioInterval, ratioOf } from './report/statistics.ts'
import { text } from './report/summary.ts'
import { table } from './report/table.ts'
import { checkOut, commitOf } from './repository.ts'

/** One of the two that are compared. */
interface Version {
  readonly commit: string
  readonly folder: string
}

/** The processor time of all processes per task of two versions, in one scenario. */
export interface Compared extends RatioInterval {
  readonly scenario: string
  /** `cold`: the first tasks of a process. */
  readonly phase: 'warm' | 'cold'
  readonly pairs: number
  /** Means, µs per task. */
  readonly base: number
  readonly changed: number
}

/** Run pairs of both versions, in turn, and print how their processor time per task differs. */
export async function compareCommits(
  names: string,
  settings: Arguments,
  conditions: Conditions,
  log: (line: string) => void,
): Promise<void> {
  const [base, changed] = await versionsOf(names, conditions.root)
  const host = machine()
  const started = new Date()
  const runs = await runPairs(settings, conditions, [base, changed], log)
  console.log(comparisonText(base.commit, changed.commit, compareRuns(runs, base.commit, changed.commit)))
  if (settings.json === undefined) return
  const { window, repeats, cold, quick, scenarios } = settings
  saveResults(settings.json, {
    format: FORMAT,
    started: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 1000),
    commit: changed.commit,
    machine: host,
    settings: { window, repeats, cold, quick },
    servers: await conditions.servers.versions(),
    scenarios: scenarios.map(({ name, title }) => ({ name, title })),
    entrants: [],
    missing: [],
    runs,
    failures: [],
  } satisfies Results)
}

/** `A`: that commit and the working tree; `A..B`: two commits. */
async function versionsOf(names: string, root: string): Promise<readonly [Version, Version]> {
  const [base = '', other] = names.split('..')
  const first = await checkOut(root, base)
  if (other) return [first, await checkOut(root, other)]
  return [first, { commit: `${await commitOf(root)} (working tree)`, folder: root }]
}

async function runPairs(
  { scenarios, repeats }: Arguments,
  conditions: Conditions,
  versions: readonly Version[],
  log: (line: string) => void,
): Promise<Run[]> {
  const runs: Run[] = []
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const scenario of scenarios) {
      // Each of the two is first in every other pair.
      for (const { commit, folder } of repeat % 2 ? versions : versions.toReversed()) {
        log(`${scenario.name} ${commit} ${repeat}/${repeats}`)
        const figures = await celeriacOf(scenario).run({ ...conditions, root: folder })
        runs.push({ scenario: scenario.name, entrant: commit, repeat, figures })
      }
    }
  }
  return runs
}

function celeriacOf({ name, entrants }: Scenario) {
  const entrant = entrants.find((one) => one.name === 'celeriac')
  if (!entrant) throw new Error(`${name}: expected celeriac among its entrants`)
  return entrant
}

/** The scenarios that have a processor time per task. */
export function compareRuns(runs: readonly Run[], base: string, changed: string): Compared[] {
  const names = [...new Set(runs.map(({ scenario }) => scenario))]
  return names.flatMap((scenario) =>
    (['warm', 'cold'] as const).flatMap((phase) => {
      const of = (entrant: string, repeat: number): number | undefined => {
        const run = runs.find((one) => one.scenario === scenario && one.entrant === entrant && one.repeat === repeat)
        return run && wholeCpu(run.figures, phase)
      }
      const repeats = [...new Set(runs.filter((run) => run.scenario === scenario).map(({ repeat }) => repeat))]
      const pairs = repeats.flatMap((repeat) => {
        const [a, b] = [of(base, repeat), of(changed, repeat)]
        return a === undefined || b === undefined ? [] : [[a, b] as const]
      })
      if (pairs.length < 2) return []
      const [before, after] = [0, 1].map((at) => pairs.reduce((sum, pair) => sum + (pair[at] ?? 0), 0) / pairs.length)
      return [{ scenario, phase, pairs: pairs.length, base: before ?? 0, changed: after ?? 0, ...ratioOf(pairs) }]
    }),
  )
}

/** Processor time per task or request of client, worker and server together, µs. */
function wholeCpu(figures: Figures, phase: 'warm' | 'cold'): number | undefined {
  const parts = Object.entries(figures).filter(
    ([name]) => /CPU µs\/(?:task|request)$/.test(name) && name.startsWith('cold ') === (phase === 'cold'),
  )
  return parts.length === 0 ? undefined : parts.reduce((sum, [, value]) => sum + value, 0)
}

export function comparisonText(base: string, changed: string, compared: readonly Compared[]): string {
  const rows = compared.map(({ scenario, phase, pairs, ratio, low, high, ...cpu }) => [
    `${scenario}, ${phase}`,
    String(pairs),
    text(cpu.base),
    text(cpu.changed),
    ratio.toFixed(3),
    `${low.toFixed(3)} - ${high.toFixed(3)}`,
    low > 1 ? 'more' : high < 1 ? 'less' : 'no difference shown',
  ])
  const head = ['CPU µs per task, all processes', 'pairs', base, changed, 'ratio', '95 % interval', '']
  return table([head, ...rows])
}
