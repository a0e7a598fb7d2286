import { ArgumentError } from '../std/errors.ts'
import { shown } from '../std/validate.ts'

/*
 * The commands of remote control, by Celery's names (celery-wire §5.3): what a worker may be asked, the arguments of
 * the command line in Celery's order, and what each is for.
 */

/** How an argument of the command line is read. */
export type ArgumentType = 'text' | 'whole' | 'number' | 'flag'

/** One command. */
export interface ControlCommand {
  /** `inspect`: it only asks; `control`: it changes something. */
  readonly kind: 'inspect' | 'control'
  /** Arguments in their order on the command line; those in the table of Celery that are optional may be left out. */
  readonly args?: readonly (readonly [name: string, type: ArgumentType])[]
  /** Argument that takes the rest of the command line, as a list. */
  readonly rest?: string
  /** On the command line: `queue`, `task` or `limit`, a name, and a key; it is sent `{ queue: name }`. */
  readonly target?: true
  /** The arguments, as the help shows them. */
  readonly usage?: string
  /** How many arguments it needs at least. */
  readonly needs?: number
  /** Not for people: workers ask it of each other. */
  readonly hidden?: boolean
  /** It takes a while: its worker obeys others meanwhile, and its answer is awaited so long by default, ms. */
  readonly slow?: number
  /** Celery's workers do not know it. */
  readonly own?: boolean
  readonly doc: string
}

/** How long a profile takes where that is not said, seconds. */
export const PROFILE_SECONDS = 10

const INSPECT: Readonly<Record<string, Omit<ControlCommand, 'kind'>>> = {
  about: { own: true, doc: 'its version, its clock, and whether it takes tasks' },
  active: { args: [['safe', 'flag']], usage: '[safe=false]', doc: 'tasks that run' },
  active_queues: { doc: 'queues that it takes from' },
  clock: { doc: 'its logical clock' },
  conf: { args: [['with_defaults', 'flag']], usage: '[with_defaults=false]', doc: 'its settings, without secrets' },
  dead_letters: {
    own: true,
    args: [['limit', 'whole']],
    usage: '[limit=20]',
    doc: 'the newest messages that were given up, and how many there are: of all workers',
  },
  hello: { args: [['from_node', 'text']], hidden: true, doc: 'what workers ask of each other when they start' },
  limits: {
    own: true,
    args: [['rule', 'text']],
    usage: '[rule]',
    doc: 'limits that are in use, paused or held back, and what waits for them: of all workers',
  },
  memdump: { args: [['samples', 'whole']], usage: '[samples=10]', doc: "of Celery's workers: samples of memory" },
  memsample: { doc: 'its memory (RSS)' },
  objgraph: {
    args: [
      ['type', 'text'],
      ['num', 'whole'],
      ['max_depth', 'whole'],
    ],
    usage: '[type=Request [num=200 [max_depth=10]]]',
    doc: "of Celery's workers: a graph of objects",
  },
  ping: { doc: 'whether it answers' },
  query_task: { rest: 'ids', usage: '<id...>', needs: 1, doc: 'what it holds of these tasks' },
  registered: { rest: 'taskinfoitems', usage: '[attribute...]', doc: 'tasks that it knows' },
  report: { doc: 'versions and settings, for bug reports' },
  reserved: { doc: 'tasks that it has taken and that do not run yet' },
  revoked: { doc: 'ids of revoked tasks' },
  scheduled: { doc: "tasks that it holds until their time: Celery's workers alone do" },
  stats: { doc: 'counts, pool, broker, and use of resources' },
  where: { own: true, slow: 3000, doc: 'what each slot executes now, since when, and its stack' },
}

const CONTROL: Readonly<Record<string, Omit<ControlCommand, 'kind'>>> = {
  add_consumer: {
    args: [
      ['queue', 'text'],
      ['exchange', 'text'],
      ['exchange_type', 'text'],
      ['routing_key', 'text'],
    ],
    usage: '<queue> [exchange [type [routing_key]]]',
    needs: 1,
    doc: 'take from this queue too',
  },
  autoscale: {
    args: [
      ['max', 'whole'],
      ['min', 'whole'],
    ],
    usage: '[max [min]]',
    doc: 'change the bounds of autoscale',
  },
  cancel_consumer: { args: [['queue', 'text']], usage: '<queue>', needs: 1, doc: 'take from this queue no more' },
  disable_events: { doc: 'send no events of tasks' },
  election: {
    args: [
      ['id', 'text'],
      ['topic', 'text'],
      ['action', 'text'],
    ],
    usage: '<id> <topic> [action]',
    needs: 2,
    hidden: true,
    doc: "of Celery's workers: hold an election",
  },
  enable_events: { doc: 'send events of tasks' },
  heartbeat: { doc: 'send a heartbeat event now' },
  pause: {
    own: true,
    target: true,
    usage: '<queue|task|limit> <name> [key]',
    needs: 2,
    doc: 'begin nothing more of it, on all workers, until it is resumed',
  },
  pool_grow: { args: [['n', 'whole']], usage: '[n=1]', doc: 'more slots' },
  pool_restart: { doc: "of Celery's workers: restart the pool" },
  pool_shrink: { args: [['n', 'whole']], usage: '[n=1]', doc: 'fewer slots' },
  profile: {
    own: true,
    slow: 10_000,
    args: [['worker', 'text']],
    usage: '<worker> [--seconds 10 [--slot 1]]',
    needs: 1,
    doc: 'write a CPU profile of a worker, or of one of its slots',
  },
  quiet: { own: true, doc: 'take no more tasks; what runs goes on' },
  rate_limit: {
    args: [
      ['task_name', 'text'],
      ['rate_limit', 'text'],
    ],
    usage: '<task> <rate>',
    needs: 2,
    doc: 'change the rate limit of a task: 10/s, 100/m, 1000/h; 0: none',
  },
  redrive: { own: true, rest: 'ids', usage: '<id...>', needs: 1, doc: 'send these dead letters again' },
  resume: {
    own: true,
    target: true,
    usage: '[<queue|task|limit> <name> [key]]',
    doc: 'end a pause; without arguments, after quiet: take tasks again',
  },
  revoke: {
    rest: 'task_id',
    usage: '<id...>',
    needs: 1,
    doc: 'these tasks never run; those that run are asked to stop',
  },
  revoke_by_stamped_headers: {
    rest: 'headers',
    usage: '<name=value...>',
    needs: 1,
    doc: 'the same of tasks with these stamps',
  },
  shutdown: { doc: 'stop the worker' },
  terminate: {
    args: [['signal', 'text']],
    rest: 'task_id',
    usage: '<signal> <id...>',
    needs: 2,
    doc: 'as revoke, and end those that run by force',
  },
  time_limit: {
    args: [
      ['task_name', 'text'],
      ['soft', 'number'],
      ['hard', 'number'],
    ],
    usage: '<task> <soft seconds> [hard seconds]',
    needs: 2,
    doc: 'change the time limits of a task',
  },
}

/** All of them by name. */
export const CONTROL_COMMANDS: ReadonlyMap<string, ControlCommand> = new Map([
  ...rows('inspect', INSPECT),
  ...rows('control', CONTROL),
])

function rows(
  kind: ControlCommand['kind'],
  commands: Readonly<Record<string, Omit<ControlCommand, 'kind'>>>,
): (readonly [string, ControlCommand])[] {
  return Object.entries(commands).map(([name, command]) => [name, { kind, ...command }] as const)
}

/** Older names of the same. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['dump_active', 'active'],
  ['dump_conf', 'conf'],
  ['dump_reserved', 'reserved'],
  ['dump_revoked', 'revoked'],
  ['dump_schedule', 'scheduled'],
  ['dump_tasks', 'registered'],
])

/** The present name of a command. */
export function commandName(method: string): string {
  return ALIASES.get(method) ?? method
}

/** Commands that a worker obeys: all, none, or these. */
export type ControlAllowed = boolean | ReadonlySet<string>

/**
 * The commands of a list, in which `inspect` is all that only ask, and `control` all others; or all of them, or none.
 * Throws ArgumentError for a name that is none.
 */
export function allowedCommands(given: unknown, where: string): ControlAllowed {
  if (typeof given === 'boolean') return given
  if (!Array.isArray(given))
    throw new ArgumentError(`${where}: expected true, false or a list of commands, got ${shown(given)}`)
  return new Set(
    given.flatMap((name: unknown) => {
      if (typeof name === 'string' && CONTROL_COMMANDS.has(commandName(name))) return [commandName(name)]
      const group = [...CONTROL_COMMANDS].filter(([, { kind }]) => kind === name)
      if (group.length > 0) return group.map(([command]) => command)
      throw new ArgumentError(`${where}: expected commands of remote control, inspect or control, got ${shown(name)}`)
    }),
  )
}

const DEFAULT_WAIT_MS = 1000

/** Longest wait for the next answer to a command, ms. */
export function waitOf(method: string, given: number | undefined): number {
  return given ?? CONTROL_COMMANDS.get(commandName(method))?.slow ?? DEFAULT_WAIT_MS
}
