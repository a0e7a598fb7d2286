/*
 * npm run bench -- [options]: all measurements of celeriac and its peers; see docs/benchmarks.md.
 * Wrong options: one line, exit code 2. A measurement that failed: exit code 1.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Arguments, parseArguments, USAGE, UsageError } from './arguments.ts'
import { compareCommits } from './comparison.ts'
import type { Conditions } from './harness/scenario.ts'
import { machine } from './machine.ts'
import { cacheFolder } from './packages.ts'
import { writePage } from './report/page.ts'
import { FORMAT, type Results, saveResults } from './report/results.ts'
import { terminalText } from './report/terminal.ts'
import { commitOf } from './repository.ts'
import { measureAll } from './rounds.ts'
import { hugeScenarios, SCENARIOS } from './scenarios.ts'
import { Servers } from './stores/servers.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const log = (line: string): void => void process.stderr.write(`${line}\n`)

/** Servers and a folder for the time of the measurements. */
async function withConditions<Value>(
  { window, cold, quick }: Arguments,
  use: (conditions: Conditions) => Promise<Value>,
): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  const servers = new Servers(folder)
  try {
    return await use({ window, cold, quick, root: ROOT, folder, servers, rates: new Map() })
  } finally {
    await servers.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(settings: Arguments): Promise<void> {
  // The children of a short run mostly start; in others cold code is what is measured.
  if (settings.quick) process.env.NODE_COMPILE_CACHE ??= join(cacheFolder(), 'compile')
  const facts = machine()
  const started = new Date()
  const { window, repeats, cold, quick, scenarios, json } = settings
  const results = await withConditions(settings, async (conditions): Promise<Results> => {
    const measured = await measureAll(scenarios, conditions, { ...settings, together: quick }, log)
    return {
      format: FORMAT,
      started: started.toISOString(),
      seconds: Math.round((Date.now() - started.getTime()) / 1000),
      commit: await commitOf(ROOT),
      machine: facts,
      settings: { window, repeats, cold, quick },
      servers: await conditions.servers.versions(),
      scenarios: scenarios.map(({ name, title }) => ({ name, title })),
      ...measured,
    }
  })
  if (json !== undefined) saveResults(json, results)
  console.log(terminalText(results))
  if (results.failures.length > 0) process.exitCode = 1
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return console.log(USAGE)
  const settings = parseArguments(args, SCENARIOS, hugeScenarios)
  if (settings.page) return writePage(ROOT)
  const { compare } = settings
  if (compare === undefined) return measure(settings)
  await withConditions(settings, (conditions) => compareCommits(compare, settings, conditions, log))
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
