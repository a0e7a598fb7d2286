import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Conditions, Entrant, Scenario } from './harness/scenario.ts'
import type { EntrantFacts, Failure, Results, Run } from './report/results.ts'
import { Servers } from './stores/servers.ts'

type Measured = Pick<Results, 'entrants' | 'missing' | 'runs' | 'failures'>

interface RoundSettings {
  readonly sides: ReadonlySet<string> | undefined
  readonly repeats: number
  /** Scenarios of different stores at once: their figures disturb each other. Default: one after the other. */
  readonly together?: boolean
}

/** Everything once, entrant after entrant, then all again: a slow minute of the machine does not fall on one of them alone. */
export async function measureAll(
  scenarios: readonly Scenario[],
  conditions: Conditions,
  settings: RoundSettings,
  log: (line: string) => void,
): Promise<Measured> {
  const { ready, entrants, missing } = await prepareAll(scenarios, conditions, settings.sides, log)
  const runs: Run[] = []
  const failures: Failure[] = []
  for (const lanes of settings.together ? lanesOf(ready) : [[ready]]) {
    const rounds = await Promise.all(
      lanes.map((lane) => apart(conditions, lanes, lane, (own) => measureLane(lane, own, settings.repeats, log))),
    )
    runs.push(...rounds.flatMap((one) => one.runs))
    failures.push(...rounds.flatMap((one) => one.failures))
  }
  return { entrants, missing, runs, failures }
}

async function measureLane(
  scenarios: readonly Scenario[],
  conditions: Conditions,
  rounds: number,
  log: (line: string) => void,
): Promise<Pick<Measured, 'runs' | 'failures'>> {
  const runs: Run[] = []
  const failures: Failure[] = []
  for (let repeat = 1; repeat <= rounds; repeat++) {
    for (const { name, repeats = rounds, entrants } of scenarios) {
      if (repeat > repeats) continue
      // Each of them is first once, last once.
      for (const entrant of rotated(entrants, repeat - 1)) {
        const facts = { scenario: name, entrant: entrant.name, repeat }
        log(`${name} ${entrant.name} ${repeat}/${Math.min(repeats, rounds)}`)
        try {
          runs.push({ ...facts, figures: await entrant.run(conditions) })
        } catch (error) {
          const problem = reasonOf(error)
          log(`  ${name} ${entrant.name} failed: ${problem}`)
          failures.push({ ...facts, problem })
        }
      }
    }
  }
  return { runs, failures }
}

/**
 * With a folder of its own where several lanes are measured at once, as their ledgers have one name; and with a Redis of
 * its own where two lanes use one.
 */
async function apart<Value>(
  conditions: Conditions,
  lanes: readonly unknown[],
  lane: readonly Scenario[],
  use: (conditions: Conditions) => Promise<Value>,
): Promise<Value> {
  if (lanes.length < 2) return use(conditions)
  const folder = mkdtempSync(join(conditions.folder, 'lane-'))
  if (!lane.some(({ name }) => SECOND_REDIS.test(name))) return use({ ...conditions, folder })
  const servers = new Servers(folder)
  try {
    return await use({ ...conditions, folder, servers })
  } finally {
    await servers.stop()
  }
}

/** RabbitMQ's scenarios that keep results in Redis. Each scenario empties the servers that it uses. */
const ON_BOTH = /^rabbitmq\/(?:drain-redis$|backlog-)/
/** HTTP's scenarios are on Redis, and those of its pools take as long as all others. */
const SECOND_REDIS = /^(?:http\/|redis\/(?:children|slots|recycling|mix)$)/

/** What is measured at once, in lanes whose scenarios follow each other; then the scenarios of several servers. */
function lanesOf(scenarios: readonly Scenario[]): readonly (readonly (readonly Scenario[])[])[] {
  const of = (pattern: RegExp, but: RegExp): Scenario[] =>
    scenarios.filter(({ name }) => pattern.test(name) && !but.test(name))
  return [
    [
      of(/^sqlite\//, ON_BOTH),
      of(/^redis\//, SECOND_REDIS),
      of(/^postgres\//, ON_BOTH),
      of(/^rabbitmq\//, ON_BOTH),
      of(SECOND_REDIS, ON_BOTH),
    ],
    [scenarios.filter(({ name }) => ON_BOTH.test(name))],
  ]
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
