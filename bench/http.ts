/*
 * npm run bench:http -- [--repeats N] [--only NAME,…] [--sides NAME,…] [--seconds N] [--json FILE]
 * Requests to celeriac's REST API, to Fastify + BullMQ, and to Flask + gunicorn + Celery, in turn on one private Redis; see docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { wrkVersion } from './http/load.ts'
import { type Place, statusScenario, submitScenario, urlOf } from './http/scenarios.ts'
import { type HttpSide, present } from './http/sides.ts'
import { verdicts } from './http/verdicts.ts'
import { machine } from './machine.ts'
import { Server } from './redis/server.ts'
import { introduce, measureAll, only, type Scenario, save, show } from './rounds.ts'

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
    sides: { type: 'string', default: 'celeriac,fastify,flask' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
})

function scenarios(place: Place): Scenario<HttpSide>[] {
  const repeats = Number(flags.repeats)
  const list: Scenario<HttpSide>[] = [
    { name: 'submit', title: 'POST, 202, nobody works', repeats, run: (side) => submitScenario(place, side) },
    {
      name: 'status-pending',
      title: 'GET, 200 jobs that wait',
      repeats,
      run: (side) => statusScenario(place, side, false),
    },
    {
      name: 'status-ended',
      title: 'GET, 200 jobs that have succeeded',
      repeats,
      run: (side) => statusScenario(place, side, true),
    },
  ]
  return only(list, flags.only)
}

async function main(): Promise<void> {
  const wrk = await wrkVersion()
  const facts = machine()
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  const server = await Server.start()
  try {
    const found = await present(folder, urlOf(server), flags.sides.split(','))
    introduce(`redis-server ${Server.version()}, wrk ${wrk} with 64 connections`, found)
    const usable = found.filter((one) => 'version' in one)
    const sides = usable.map(({ side }) => side)
    const list = scenarios({ server, folder, seconds: Number(flags.seconds) })
    const measured = await measureAll(list, sides, () => server.empty())
    const names = sides.map(({ name }) => name)
    show(list, names, measured, verdicts(measured))
    if (flags.json) {
      const versions = usable.map(({ side, version }) => ({ name: side.name, version, semantics: side.semantics }))
      const redis = Server.version()
      save(flags.json, { machine: facts, redis, wrk, sides: versions, measured, verdicts: verdicts(measured) })
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
