/*
 * npm run bench:redis -- [--repeats N] [--only NAME,…] [--sides NAME,…] [--backlog] [--json FILE]
 * What a shared Redis does under celeriac, BullMQ and Python's Celery, in turn on one private server; see docs/benchmarks.md.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { isBusy, machine } from './machine.ts'
import { type Measured, rowsOf, spreads, text, verdicts } from './redis/report.ts'
import {
  backlogScenario,
  drainScenario,
  enqueueScenario,
  type Figures,
  idleScenario,
  latencyScenario,
  type Place,
  roundTripScenario,
} from './redis/scenarios.ts'
import { Server } from './redis/server.ts'
import { type Present, present, type Side } from './redis/sides.ts'
import { table } from './table.ts'

interface Scenario {
  readonly name: string
  readonly title: string
  readonly repeats: number
  /** Only for these; absent: all. */
  readonly sides?: readonly string[]
  run(place: Place, side: Side): Promise<Figures>
}

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
    sides: { type: 'string', default: 'celeriac,bullmq,celery' },
    backlog: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})

function scenarios(): Scenario[] {
  const repeats = Number(flags.repeats)
  const list: Scenario[] = [
    { name: 'enqueue', title: 'calls, 1,000 in flight (Celery: one at a time)', repeats, run: enqueueScenario },
    { name: 'drain', title: 'no-op tasks of another process, concurrency 100', repeats, run: drainScenario },
    {
      name: 'round-trip',
      title: 'call to result across two idle processes, 300 times',
      repeats,
      run: roundTripScenario,
    },
    {
      name: 'latency',
      title: 'as drain, 1 ms farther from the server',
      repeats,
      run: (place, side) => latencyScenario(place, side, side.name === 'Celery' ? 500 : side.drained),
    },
    { name: 'idle', title: 'worker without work, 20 s', repeats: 1, run: idleScenario },
  ]
  if (flags.backlog) list.push(backlogOf(10_000, repeats), backlogOf(1_000_000, 1))
  const only = flags.only?.split(',')
  return list.filter(({ name }) => !only || only.includes(name) || only.includes(name.split('-')[0] as string))
}

function backlogOf(tasks: number, repeats: number): Scenario {
  const title = `drain a backlog of ${tasks.toLocaleString('en')}, worker warm`
  const run = (place: Place, side: Side): Promise<Figures> => backlogScenario(place, side, tasks)
  return { name: `backlog-${tasks}`, title, repeats, sides: ['celeriac'], run }
}

/** Everything once, side after side, then all again: a slow minute of the machine does not fall on one of them alone. */
async function measureAll(list: readonly Scenario[], sides: readonly Side[], place: Place): Promise<Measured[]> {
  const runs = list.flatMap((scenario) =>
    sides
      .filter(({ name }) => !scenario.sides || scenario.sides.includes(name))
      .map((side) => ({ scenario, side, figures: [] as Figures[] })),
  )
  for (let round = 0; round < Math.max(...list.map(({ repeats }) => repeats)); round++) {
    for (const { scenario, side, figures } of runs) {
      if (round >= scenario.repeats) continue
      process.stderr.write(`${scenario.name} ${side.name} ${round + 1}/${scenario.repeats}\n`)
      await place.server.empty()
      figures.push(await scenario.run(place, side))
    }
  }
  return runs.map(({ scenario, side, figures }) => ({
    scenario: scenario.name,
    side: side.name,
    figures: spreads(figures),
  }))
}

function introduce(found: readonly Present[]): void {
  const facts = machine()
  console.log(
    `Node ${facts.node}, redis-server ${Server.version()}, nothing saved to disk, no eviction, ${facts.platform},`,
  )
  console.log(`${facts.cores} cores of ${facts.cpu}, ${facts.memoryGiB} GiB; load average at the start ${facts.load}`)
  if (isBusy(facts)) console.log('WARNING: the machine is busy; rates are too low, CPU time per task still tells')
  for (const one of found) {
    if ('version' in one) console.log(`${one.side.name}: ${one.version}; ${one.side.semantics}`)
    else console.log(`without ${one.side.name}: ${one.problem}`)
  }
}

function print(list: readonly Scenario[], sides: readonly string[], measured: readonly Measured[]): void {
  const rows = list.flatMap(({ name, title }) => rowsOf(name, title, sides, measured))
  console.log(`\n${table([['median (min - max)', ...sides], ...rows])}`)
  const lines = verdicts(measured).map(({ name, value, expected, holds }) => [
    name,
    text(value),
    expected && `${expected} ${holds ? 'holds' : 'MISSED'}`,
  ])
  if (lines.length > 0) console.log(`\n${table([['', 'measured', 'must hold'], ...lines])}`)
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  const facts = machine()
  const server = await Server.start()
  try {
    const found = await present(folder, flags.sides.split(','))
    introduce(found)
    const sides = found.filter((one) => 'version' in one)
    const list = scenarios()
    const measured = await measureAll(
      list,
      sides.map(({ side }) => side),
      { server, folder },
    )
    print(
      list,
      sides.map(({ side }) => side.name),
      measured,
    )
    if (flags.json) {
      mkdirSync(dirname(flags.json), { recursive: true })
      const versions = sides.map(({ side, version }) => ({ name: side.name, version, semantics: side.semantics }))
      const report = {
        machine: facts,
        redis: Server.version(),
        sides: versions,
        measured,
        verdicts: verdicts(measured),
      }
      writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`)
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
