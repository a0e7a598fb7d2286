import { parseArgs } from 'node:util'
import type { Scenario } from './harness/scenario.ts'

/** What the command line asks for. */
export interface Arguments {
  readonly scenarios: readonly Scenario[]
  /** Names in lower case; undefined: all. */
  readonly sides: ReadonlySet<string> | undefined
  readonly repeats: number
  /** s. */
  readonly window: number
  /** Tasks of a process that count as cold. */
  readonly cold: number
  readonly quick: boolean
  /** Where the raw runs are written. */
  readonly json: string | undefined
  /** Write the tables of the documentation, and measure nothing. */
  readonly page: boolean
  /** The commit, or the two as `A..B`, to compare. */
  readonly compare: string | undefined
}

/** The command line is wrong; the message is one line. */
export class UsageError extends Error {}

export const USAGE = `npm run bench -- [options]

--only NAME,…     scenarios: redis/drain, or all of a store (redis), or all of a kind (drain)
--sides NAME,…    celeriac,bullmq,celery,graphile-worker,pg-boss,plainjob,bare,plain,fastify,flask; default all
--repeats N       interleaved repeats; default 5, of a comparison 20 and not less
--window SECONDS  of each measurement; default 4, of a comparison 2
--quick           little of everything, two minutes: to see that it works
--huge            the long backlogs instead, of 10,000,000 tasks, and what they do to PostgreSQL
--backlog N       of N tasks instead
--json FILE       write the raw runs
--page            write the tables of docs/benchmarks.md from bench/results, and measure nothing
--compare COMMIT  pairs of runs of that commit and of this working tree, celeriac alone; also A..B`

/** What is compared, unless something else is asked for. */
const COMPARED = 'sqlite/enqueue,sqlite/drain,redis/enqueue,redis/drain'
const MIN_PAIRS = 20
const COLD = 20_000
const QUICK = { window: 0.3, cold: 300, repeats: 1 }

/** Throws UsageError. */
export function parseArguments(
  args: readonly string[],
  scenarios: readonly Scenario[],
  huge: (tasks: number) => readonly Scenario[],
): Arguments {
  const flags = flagsOf(args)
  const comparing = flags.compare !== undefined
  const all = flags.huge ? huge(numberOf('--backlog', flags.backlog ?? '10000000', 1, true)) : scenarios
  if (flags.backlog !== undefined && !flags.huge) throw new UsageError('--backlog: expected --huge beside it')
  if (comparing && (flags.sides || flags.page)) throw new UsageError('--compare: expected neither --sides nor --page')
  const sides = namesOf(flags.sides?.toLowerCase())
  requireKnown(
    '--sides',
    sides ?? [],
    all.flatMap(({ entrants }) => entrants).map(({ name }) => name.toLowerCase()),
  )
  const repeats = flags.repeats ?? (comparing ? String(MIN_PAIRS) : flags.quick ? String(QUICK.repeats) : '5')
  const window = flags.window ?? (flags.quick ? String(QUICK.window) : comparing ? '2' : '4')
  return {
    scenarios: only(all, flags.only ?? (comparing ? COMPARED : undefined)),
    sides: comparing ? new Set(['celeriac']) : sides && new Set(sides),
    repeats: numberOf('--repeats', repeats, comparing ? (flags.quick ? 2 : MIN_PAIRS) : 1, true),
    window: numberOf('--window', window, 0.05, false),
    cold: flags.quick ? QUICK.cold : COLD,
    quick: flags.quick,
    json: flags.json,
    page: flags.page,
    compare: flags.compare,
  }
}

function flagsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        sides: { type: 'string' },
        repeats: { type: 'string' },
        window: { type: 'string' },
        quick: { type: 'boolean', default: false },
        huge: { type: 'boolean', default: false },
        backlog: { type: 'string' },
        json: { type: 'string' },
        page: { type: 'boolean', default: false },
        compare: { type: 'string' },
      },
    })
    return values
  } catch (error) {
    throw new UsageError((error as Error).message.split('\n')[0])
  }
}

/** Scenarios by name, by store or by kind, in their own order. */
function only(scenarios: readonly Scenario[], names: string | undefined): Scenario[] {
  const wanted = namesOf(names)
  if (!wanted) return [...scenarios]
  const keys = ({ name }: Scenario): string[] => [name, ...name.split('/')]
  requireKnown('--only', wanted, scenarios.flatMap(keys))
  return scenarios.filter((scenario) => keys(scenario).some((key) => wanted.includes(key)))
}

function namesOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim())
}

function requireKnown(flag: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new UsageError(`${flag}: expected one of ${[...new Set(known)].join(', ')}, got ${unknown}`)
}

function numberOf(flag: string, text: string, min: number, whole: boolean): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && Number.isFinite(value) && (!whole || Number.isInteger(value))) return value
  throw new UsageError(`${flag}: expected ${whole ? 'a whole number' : 'seconds'} from ${min}, got ${text}`)
}
