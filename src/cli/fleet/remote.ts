import { Control, type ControlReply } from '../../control/control.ts'
import { CONTROL_COMMANDS, type ControlCommand, PROFILE_SECONDS, waitOf } from '../../protocol/controlCommands.ts'
import { ArgumentError } from '../../std/errors.ts'
import { workerName } from '../hostname.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { suggestion } from '../suggest.ts'
import { printable } from './printable.ts'

export interface RemoteCommandOptions extends AppOptions {
  /** Names of the workers that are meant. */
  destination?: string[]
  /** ms. Default: as the command needs. */
  timeout?: number
  json?: boolean
  /** Of `profile` alone. */
  seconds?: number
  slot?: number
}

type Kind = ControlCommand['kind']

/** Exit code where no worker replied: EX_UNAVAILABLE, as Celery's. */
const UNAVAILABLE_EXIT_CODE = 69

/** `celeriac inspect` and `celeriac control`: ask workers, and print what each of them answers. */
export async function remote(
  kind: Kind,
  name: string,
  args: readonly string[],
  options: RemoteCommandOptions,
): Promise<void> {
  const given = argumentsOf(name, commandOf(kind, name), args)
  const { timeout, json, seconds, slot } = options
  if (name === 'profile' && options.destination)
    throw new ArgumentError('profile: expected the worker as its argument, got --destination')
  if (name !== 'profile' && (seconds !== undefined || slot !== undefined))
    throw new ArgumentError(`${name}: --seconds and --slot are for celeriac control profile`)
  const destination = options.destination?.map((worker) => workerName(worker))
  const replies = await withApp(options, async (app) => {
    const control = new Control(app)
    if (name === 'shutdown') return control.shutdown({ destination, timeout })
    // Also remembered for workers that start later.
    if (name === 'revoke') return control.revoke(given.task_id as string[], { destination, timeout })
    if (name === 'profile') return control.profile(workerName(given.worker as string), { seconds, slot, timeout })
    return control.broadcast(name, given, { destination, timeout })
  })
  if (replies === undefined) process.stdout.write('sent: a worker that shuts down does not answer\n')
  else if (replies.length === 0) {
    const wait = waitOf(name, timeout) + (name === 'profile' ? (seconds ?? PROFILE_SECONDS) * 1000 : 0)
    process.stderr.write(`celeriac: no worker replied within ${wait / 1000} s\n`)
    process.exitCode = UNAVAILABLE_EXIT_CODE
  } else
    process.stdout.write(
      `${json ? jsonText(kind === 'inspect' ? Object.assign({}, ...replies) : replies) : textOf(replies)}\n`,
    )
}

/** Throws ArgumentError for a command that is none of this kind. */
function commandOf(kind: Kind, name: string): ControlCommand {
  const command = CONTROL_COMMANDS.get(name)
  if (command?.kind === kind) return command
  if (command) throw new ArgumentError(`${kind}: ${name} is a command of celeriac ${command.kind}`)
  const names = [...CONTROL_COMMANDS].flatMap(([known, row]) => (row.kind === kind && !row.hidden ? known : []))
  throw new ArgumentError(
    `${kind}: unknown command ${name}${suggestion(name, names)}; celeriac ${kind} --help lists all`,
  )
}

/** The arguments of a command by name, from those of the command line. Throws ArgumentError. */
function argumentsOf(
  name: string,
  { args: known = [], rest, usage, needs = 0, target }: ControlCommand,
  args: readonly string[],
): Readonly<Record<string, unknown>> {
  if (target && args.length > 1 && args.length <= 3) return targetOf(name, args)
  if (args.length < needs || (rest === undefined && args.length > known.length))
    throw new ArgumentError(
      `${name}: expected ${usage === undefined ? 'no arguments' : `the arguments ${usage}`}, got ${args.join(' ') || 'none'}`,
    )
  const given = known.slice(0, args.length).map(([argument, type], at) => {
    const text = args[at] as string
    return [argument, READERS[type](text, `${name}: ${argument}`)] as const
  })
  return { ...Object.fromEntries(given), ...(rest !== undefined && { [rest]: args.slice(known.length) }) }
}

/** Throws ArgumentError. */
function targetOf(command: string, [kind = '', name, key]: readonly string[]): Readonly<Record<string, unknown>> {
  if (!['queue', 'task', 'limit'].includes(kind))
    throw new ArgumentError(`${command}: expected queue, task or limit, got ${kind}`)
  return { [kind]: name, ...(key !== undefined && { key }) }
}

/** How each type of argument is read. */
const READERS = {
  text: (text: string) => text,
  whole: (text: string, where: string) => {
    if (/^\d{1,15}$/.test(text)) return Number(text)
    throw new ArgumentError(`${where}: expected a whole number, got ${text}`)
  },
  number: (text: string, where: string) => {
    if (/^\d{1,15}(?:[.]\d+)?$/.test(text)) return Number(text)
    throw new ArgumentError(`${where}: expected a number of seconds, got ${text}`)
  },
  flag: (text: string, where: string) => {
    if (/^(?:true|yes|on|1)$/i.test(text)) return true
    if (/^(?:false|no|off|0)$/i.test(text)) return false
    throw new ArgumentError(`${where}: expected true or false, got ${text}`)
  },
} as const satisfies Readonly<Record<string, (text: string, where: string) => unknown>>

/** In the form of Celery's commands. */
function textOf(replies: readonly ControlReply[]): string {
  const all = replies.flatMap((reply) => Object.entries(reply))
  const lines = all.flatMap(([worker, value]) => {
    const { status, text } = answerText(value)
    return [`->  ${printable(worker)}: ${status}`, ...text.split('\n').map((line) => `        ${printable(line)}`)]
  })
  return [...lines, '', `${all.length} ${all.length === 1 ? 'node' : 'nodes'} online.`].join('\n')
}

function answerText(value: unknown): { readonly status: 'OK' | 'ERROR'; readonly text: string } {
  const answer = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  if (answer && 'error' in answer) return { status: 'ERROR', text: plainText(answer.error) }
  if (answer && 'ok' in answer) return { status: 'OK', text: plainText(answer.ok) }
  if (!Array.isArray(value)) return { status: 'OK', text: plainText(value) }
  return { status: 'OK', text: value.map((one) => `* ${plainText(one)}`).join('\n') || '- empty -' }
}

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : jsonText(value, typeof value === 'object' ? 2 : 0)
}
