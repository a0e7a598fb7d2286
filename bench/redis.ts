/*
 * npm run bench:redis -- [--repeats N] [--only NAME,…] [--sides NAME,…] [--backlog] [--json FILE]
 * What a shared Redis does under celeriac, BullMQ and Python's Celery, in turn on one private server; see docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from './machine.ts'
import {
  backlogScenario,
  drainScenario,
  enqueueScenario,
  idleScenario,
  latencyScenario,
  type Place,
  roundTripScenario,
} from './redis/scenarios.ts'
import { Server } from './redis/server.ts'
import { present, type Side } from './redis/sides.ts'
import { verdicts } from './redis/verdicts.ts'
import { introduce, measureAll, only, type Scenario, save, show } from './rounds.ts'

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
    sides: { type: 'string', default: 'celeriac,bullmq,celery' },
    backlog: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})

function scenarios(place: Place): Scenario<Side>[] {
  const repeats = Number(flags.repeats)
  const list: Scenario<Side>[] = [
    {
      name: 'enqueue',
      title: 'calls, 1,000 in flight (Celery: one at a time)',
      repeats,
      run: (side) => enqueueScenario(place, side),
    },
    {
      name: 'drain',
      title: 'no-op tasks of another process, concurrency 100',
      repeats,
      run: (side) => drainScenario(place, side),
    },
    {
      name: 'round-trip',
      title: 'call to result across two idle processes, 300 times',
      repeats,
      run: (side) => roundTripScenario(place, side),
    },
    {
      name: 'latency',
      title: 'as drain, 1 ms farther from the server',
      repeats,
      run: (side) => latencyScenario(place, side, side.name === 'Celery' ? 500 : side.drained),
    },
    { name: 'idle', title: 'worker without work, 20 s', repeats: 1, run: (side) => idleScenario(place, side) },
  ]
  if (flags.backlog) list.push(backlogOf(place, 10_000, repeats), backlogOf(place, 1_000_000, 1))
  return only(list, flags.only)
}

function backlogOf(place: Place, tasks: number, repeats: number): Scenario<Side> {
  const title = `drain a backlog of ${tasks.toLocaleString('en')}, worker warm`
  const run: Scenario<Side>['run'] = (side) => backlogScenario(place, side, tasks)
  return { name: `backlog-${tasks}`, title, repeats, sides: ['celeriac'], run }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  const facts = machine()
  const server = await Server.start()
  try {
    const found = await present(folder, flags.sides.split(','))
    introduce(`redis-server ${Server.version()}, nothing saved to disk, no eviction`, found)
    const usable = found.filter((one) => 'version' in one)
    const sides = usable.map(({ side }) => side)
    const list = scenarios({ server, folder })
    const measured = await measureAll(list, sides, () => server.empty())
    const names = sides.map(({ name }) => name)
    show(list, names, measured, verdicts(measured))
    if (flags.json) {
      const versions = usable.map(({ side, version }) => ({ name: side.name, version, semantics: side.semantics }))
      const redis = Server.version()
      save(flags.json, { machine: facts, redis, sides: versions, measured, verdicts: verdicts(measured) })
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
