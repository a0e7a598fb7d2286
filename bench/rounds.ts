import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isBusy, machine } from './machine.ts'
import { type Figures, type Measured, rowsOf, spreads, text, type Verdict } from './report.ts'
import { table } from './table.ts'

/** One kind of measurement that every side goes through. */
export interface Scenario<Side> {
  readonly name: string
  readonly title: string
  readonly repeats: number
  /** Only for these; absent: all. */
  readonly sides?: readonly string[]
  run(side: Side): Promise<Figures>
}

interface Named {
  readonly name: string
}

/** A side that can be measured here, or why it cannot. */
export type Present<Side> =
  | { readonly side: Side; readonly version: string }
  | { readonly side: Side; readonly problem: string }

/** Those of the names, separated by commas; a name is also meant by its first word. */
export function only<Item extends Named>(list: readonly Item[], names: string | undefined): Item[] {
  const wanted = names?.split(',')
  return list.filter(({ name }) => !wanted || wanted.includes(name) || wanted.includes(name.split('-')[0] as string))
}

/** Everything once, side after side, then all again: a slow minute of the machine does not fall on one of them alone. */
export async function measureAll<Side extends Named>(
  list: readonly Scenario<Side>[],
  sides: readonly Side[],
  before: () => Promise<void>,
): Promise<Measured[]> {
  const runs = list.flatMap((scenario) =>
    sides
      .filter(({ name }) => !scenario.sides || scenario.sides.includes(name))
      .map((side) => ({ scenario, side, figures: [] as Figures[] })),
  )
  for (let round = 0; round < Math.max(...list.map(({ repeats }) => repeats)); round++) {
    for (const { scenario, side, figures } of runs) {
      if (round >= scenario.repeats) continue
      process.stderr.write(`${scenario.name} ${side.name} ${round + 1}/${scenario.repeats}\n`)
      await before()
      figures.push(await scenario.run(side))
    }
  }
  return runs.map(({ scenario, side, figures }) => ({
    scenario: scenario.name,
    side: side.name,
    figures: spreads(figures),
  }))
}

/** Say what is measured, and where. */
export function introduce(servers: string, found: readonly Present<Named & { readonly semantics: string }>[]): void {
  const facts = machine()
  console.log(`Node ${facts.node}, ${servers}, ${facts.platform},`)
  console.log(`${facts.cores} cores of ${facts.cpu}, ${facts.memoryGiB} GiB; load average at the start ${facts.load}`)
  if (isBusy(facts)) console.log('WARNING: the machine is busy; rates are too low, CPU time per task still tells')
  for (const one of found) {
    if ('version' in one) console.log(`${one.side.name}: ${one.version}; ${one.side.semantics}`)
    else console.log(`without ${one.side.name}: ${one.problem}`)
  }
}

export function show(
  list: readonly Pick<Scenario<unknown>, 'name' | 'title'>[],
  sides: readonly string[],
  measured: readonly Measured[],
  verdicts: readonly Verdict[],
): void {
  const rows = list.flatMap(({ name, title }) => rowsOf(name, title, sides, measured))
  console.log(`\n${table([['median (min - max)', ...sides], ...rows])}`)
  const lines = verdicts.map(({ name, value, expected, holds }) => [
    name,
    text(value),
    expected && `${expected} ${holds ? 'holds' : 'MISSED'}`,
  ])
  if (lines.length > 0) console.log(`\n${table([['', 'measured', 'must hold'], ...lines])}`)
}

export function save(file: string, report: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
}
