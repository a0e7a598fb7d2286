import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { loadResults, type Results } from '../../bench/report/results.ts'
import { SCENARIOS } from '../../bench/scenarios.ts'
import { type CommandEnd, command } from '../command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** All scenarios with their peers on a busy machine, and the installation of the peers, ms. */
const LIMIT = 30 * 60_000
/** What `npm test` does not install: the program says what is missing, and measures the rest. */
const OPTIONAL = /^(?:wrk is missing|something is missing): apt-get install/

const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function bench(...args: readonly string[]): Promise<CommandEnd> {
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=source', 'bench/bench.ts']
  return command(process.execPath, [...flags, ...args], { cwd: root, limit: LIMIT })
}

async function measured(...args: readonly string[]): Promise<Results & { readonly text: string }> {
  const file = join(folder, `${args.join('')}.json`.replaceAll('/', '-'))
  const { code, stdout, stderr } = await bench(...args, '--json', file)
  expect({ code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ code: 0, stderr: '' })
  return { ...loadResults(file), text: stdout }
}

describe('npm run bench -- --quick', () => {
  test(
    'measures every scenario with every peer, and each task ran once',
    async ({ annotate }) => {
      const { runs, missing, failures, seconds, text } = await measured('--quick', '--window', '0.1')
      await annotate(`${seconds} s; ${JSON.stringify(missing)}`)
      expect(failures).toEqual([])
      expect(missing.filter(({ problem }) => !OPTIONAL.test(problem))).toEqual([])
      const all = SCENARIOS.flatMap(({ name, entrants }) => entrants.map((entrant) => `${name} ${entrant.name}`))
      const absent = missing.map(({ scenario, entrant }) => `${scenario} ${entrant}`)
      expect([...runs.map(({ scenario, entrant }) => `${scenario} ${entrant}`), ...absent].sort()).toEqual(all.sort())
      for (const { scenario, entrant, figures } of runs) {
        const wrong = Object.entries(figures).filter(([, value]) => !Number.isFinite(value) || value < 0)
        expect({ scenario, entrant, wrong }).toEqual({ scenario, entrant, wrong: [] })
        expect(Object.keys(figures)).not.toEqual([])
        expect(text).toContain(scenario)
      }
    },
    LIMIT,
  )

  test(
    'with --huge: a long backlog beside a short one, all of it',
    async () => {
      const { runs } = await measured('--quick', '--huge', '--backlog', '3000', '--only', 'sqlite')
      expect(runs.map(({ scenario, figures }) => [scenario, figures.tasks])).toEqual([
        ['sqlite/backlog-10000', 30_000],
        ['sqlite/backlog-3000', 23_000],
      ])
    },
    LIMIT,
  )

  test(
    'with --huge: what many tasks do to PostgreSQL',
    async () => {
      const args = ['--backlog', '3000', '--only', 'postgres/held-xmin,postgres/bloat', '--sides', 'bare']
      const { runs, failures } = await measured('--quick', '--huge', ...args)
      expect(failures).toEqual([])
      expect(runs.map(({ scenario, figures }) => [scenario, figures.tasks])).toEqual([
        ['postgres/held-xmin', 3000],
        ['postgres/bloat', 3000],
      ])
    },
    LIMIT,
  )

  test(
    'with --compare: pairs of runs of a commit and of this working tree',
    async () => {
      const args = ['--quick', '--window', '0.1', '--repeats', '2', '--compare', 'HEAD', '--only', 'sqlite/enqueue']
      const { runs, text } = await measured(...args)
      expect(runs.map(({ repeat }) => repeat)).toEqual([1, 1, 2, 2])
      expect(new Set(runs.map(({ entrant }) => entrant)).size).toBe(2)
      expect(text).toMatch(/^sqlite\/enqueue, warm +2 .* - /m)
    },
    LIMIT,
  )
})

test.each([
  [['--only', 'mysql'], /^--only: expected one of .*, got mysql\n$/],
  [['--compare', 'no-such-commit'], /^--compare: expected a commit, got no-such-commit\n$/],
])('%j: one line, and exit code 2', async (args, line) => {
  const { code, stdout, stderr } = await bench(...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(line)
})
