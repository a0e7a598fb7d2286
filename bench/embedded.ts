/*
 * npm run bench:embedded -- [--repeats N] [--only NAME,…] [--backlog] [--no-peer] [--json FILE]
 * What the embedded store does, each part in processes of its own on a fresh file; see docs/benchmarks.md.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeer, PEER } from './embedded/peer.ts'
import {
  backlogScenario,
  ceilingScenario,
  delayScenario,
  drainScenario,
  type Figures,
  peerScenario,
  roundTripScenario,
  storeAt,
} from './embedded/scenarios.ts'
import { isBusy, machine } from './machine.ts'
import { type Spread, spread } from './statistics.ts'
import { table } from './table.ts'

interface Scenario {
  readonly name: string
  readonly title: string
  readonly repeats: number
  run(store: string): Promise<Figures>
}

interface Measured {
  readonly name: string
  readonly title: string
  readonly repeats: number
  readonly figures: Readonly<Record<string, Spread>>
}

/** What must hold, by scenario and figure. */
const TARGETS: Readonly<Record<string, { readonly atLeast?: number; readonly atMost?: number }>> = {
  'drain tasks/s': { atLeast: 20_000 },
  'delay tasks/s': { atLeast: 25_000 },
  'round-trip p50 ms': { atMost: 5 },
}
/** A long backlog drains at no less than this share of a short one's rate. */
const BACKLOG_SHARE = 0.8

const FAIRNESS = [
  'All on WAL with synchronous = NORMAL: a crash of the process loses nothing committed, a power cut may lose the last moments.',
  'celeriac: a message and a record per task, acknowledged late, result and acknowledgement in one transaction, leases kept.',
  'ceiling: a bare node:sqlite loop, 100 per transaction; no message format, promises, tasks or leases.',
  `${PEER}: one transaction per call as in its README; keeps a done mark, no results; its worker runs one task at a time.`,
]

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
    backlog: { type: 'boolean', default: false },
    'no-peer': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})

function scenarios(peer: string | undefined): Scenario[] {
  const repeats = Number(flags.repeats)
  const list: Scenario[] = [
    {
      name: 'drain',
      title: 'drain 20,000 tasks of another process, inline, concurrency 100',
      repeats,
      run: (store) => drainScenario(store, 20_000),
    },
    {
      name: 'delay',
      title: 'delay() 50,000 times, 1,000 in flight',
      repeats,
      run: (store) => delayScenario(store, 50_000),
    },
    {
      name: 'round-trip',
      title: 'call to result across two idle processes, 300 times',
      repeats,
      run: (store) => roundTripScenario(store, 300),
    },
    {
      name: 'ceiling',
      title: 'bare node:sqlite, 50,000 tasks',
      repeats,
      run: (store) => ceilingScenario(store, 50_000),
    },
  ]
  if (peer) list.push(peerOf(peer, repeats))
  if (flags.backlog) list.push(backlogOf(10_000, repeats), backlogOf(1_000_000, 1))
  const only = flags.only?.split(',')
  return list.filter(({ name }) => !only || only.includes(name))
}

function peerOf(folder: string, repeats: number): Scenario {
  return { name: PEER, title: `${PEER}, 20,000 tasks`, repeats, run: (store) => peerScenario(store, 20_000, folder) }
}

function backlogOf(tasks: number, repeats: number): Scenario {
  const title = `drain a backlog of ${tasks.toLocaleString('en')}, worker warm`
  return { name: `backlog-${tasks}`, title, repeats, run: (store) => backlogScenario(store, tasks) }
}

/** All scenarios once, then all again: a slow minute of the machine does not fall on one of them alone. */
async function measureAll(list: readonly Scenario[], folder: string): Promise<Measured[]> {
  const runs = list.map((): Figures[] => [])
  for (let round = 0; round < Math.max(...list.map(({ repeats }) => repeats)); round++) {
    for (const [index, { name, repeats, run }] of list.entries()) {
      if (round >= repeats) continue
      process.stderr.write(`${name} ${round + 1}/${repeats}\n`)
      const store = storeAt(folder, `${name}-${round}`)
      runs[index]?.push(await run(store.path))
      store.remove()
    }
  }
  return list.map(({ name, title, repeats }, index) => ({ name, title, repeats, figures: spreads(runs[index] ?? []) }))
}

function spreads(runs: readonly Figures[]): Record<string, Spread> {
  const names = Object.keys(runs[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, spread(runs.map((figures) => figures[name] as number))]))
}

function verdict(key: string, { median }: Spread): string {
  const { atLeast, atMost } = TARGETS[key] ?? {}
  if (atLeast !== undefined) return `>= ${text(atLeast)} ${median >= atLeast ? 'holds' : 'MISSED'}`
  if (atMost !== undefined) return `<= ${text(atMost)} ${median <= atMost ? 'holds' : 'MISSED'}`
  return ''
}

function rowsOf({ name, title, repeats, figures }: Measured): string[][] {
  const lines = Object.entries(figures).map(([figure, measured]) => [
    `  ${figure}`,
    text(measured.median),
    `${text(measured.min)} - ${text(measured.max)}`,
    verdict(`${name} ${figure}`, measured),
  ])
  return [[`${name}: ${title}, ${repeats === 1 ? 'once' : `${repeats} times`}`], ...lines]
}

function text(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0 })
}

/** Figures beside each other, of the same run. */
function ratios(measured: readonly Measured[]): string[][] {
  const of = (scenario: string, figure: string): number | undefined =>
    measured.find(({ name }) => name === scenario)?.figures[figure]?.median
  const pairs = [
    ['delay / ceiling', of('delay', 'tasks/s'), of('ceiling', 'enqueue tasks/s')],
    ['drain / ceiling', of('drain', 'tasks/s'), of('ceiling', 'drain tasks/s')],
    [`delay / ${PEER}`, of('delay', 'tasks/s'), of(PEER, 'enqueue tasks/s')],
    [`drain / ${PEER}`, of('drain', 'tasks/s'), of(PEER, 'drain tasks/s')],
    ['backlog 1,000,000 / 10,000', of('backlog-1000000', 'tasks/s'), of('backlog-10000', 'tasks/s')],
    ['  the same by CPU time', of('backlog-10000', 'CPU us/task'), of('backlog-1000000', 'CPU us/task')],
  ] as const
  return pairs.flatMap(([name, a, b]) => {
    if (a === undefined || b === undefined) return []
    const held = name.startsWith('backlog') ? `>= ${BACKLOG_SHARE} ${a / b >= BACKLOG_SHARE ? 'holds' : 'MISSED'}` : ''
    return [[name, text(a / b), '', held]]
  })
}

async function main(): Promise<void> {
  const facts = machine()
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  try {
    const wanted = !flags['no-peer'] && (!flags.only || flags.only.includes(PEER))
    const peer = wanted ? await installPeer(folder) : { problem: 'not asked for' }
    console.log(`Node ${facts.node}, SQLite ${facts.sqlite}, ${facts.platform}, ${facts.cores} cores of ${facts.cpu},`)
    console.log(`${facts.memoryGiB} GiB; load average at the start ${facts.load}`)
    if (isBusy(facts)) console.log('WARNING: the machine is busy; rates are too low, CPU time per task still tells')
    console.log('versions' in peer ? `beside ${peer.versions}` : `without ${PEER}: ${peer.problem}`)
    const measured = await measureAll(scenarios('versions' in peer ? folder : undefined), folder)
    const compared = ratios(measured)
    console.log(`\n${table([['', 'median', 'min - max', 'must hold'], ...measured.flatMap(rowsOf)])}`)
    if (compared.length > 0) console.log(`\n${table([['ratios of rates', '', '', ''], ...compared])}`)
    console.log(`\n${FAIRNESS.join('\n')}`)
    if (flags.json) {
      mkdirSync(dirname(flags.json), { recursive: true })
      const report = { machine: facts, peer, measured, ratios: compared.map(([name, ratio]) => ({ name, ratio })) }
      writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
