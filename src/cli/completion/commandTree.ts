import type { Argument, Command, Option } from 'commander'
import { CONTROL_COMMANDS } from '../../protocol/controlCommands.ts'
import { LINE_LEVELS } from '../../std/log.ts'

/** What may be written in a place: one of these words, a file, or what is not known here. */
export type Choices = readonly string[] | 'file' | undefined

export interface OptionWords {
  /** As `-P` and `--pool`. */
  readonly flags: readonly string[]
  readonly takes: 'nothing' | 'value' | 'perhaps a value'
  readonly choices: Choices
  readonly summary: string
}

/** A command with all that completes it. */
export interface CommandWords {
  /** Its words after `celeriac`; none for that itself. */
  readonly path: readonly string[]
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly OptionWords[]
  /** Of its first argument. */
  readonly argument: Choices
}

const HELP: OptionWords = { flags: ['-h', '--help'], takes: 'nothing', choices: undefined, summary: 'how it is used' }

/** What stands for a value in the help, where it says which values there are. */
const VALUES: Readonly<Record<string, Choices>> = { module: 'file', path: 'file', level: LINE_LEVELS }

/** Every command below this one, and itself, as it may be written. */
export function commandTree(command: Command, path: readonly string[] = []): CommandWords[] {
  const { commands, options, registeredArguments } = command
  const own: CommandWords = {
    path,
    commands: commands.map((one) => ({ name: one.name(), summary: one.summary() })),
    options: [...options.filter(({ hidden }) => !hidden).map(optionWords), HELP],
    argument: argumentChoices(command.name(), registeredArguments[0]),
  }
  return [own, ...commands.flatMap((one) => commandTree(one, [...path, one.name()]))]
}

function optionWords({ short, long, flags, required, optional, argChoices, description }: Option): OptionWords {
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    takes: required ? 'value' : optional ? 'perhaps a value' : 'nothing',
    choices: argChoices ?? VALUES[/[<[](\w+)[>\]]/.exec(flags)?.[1] ?? ''],
    summary: description,
  }
}

function argumentChoices(command: string, argument: Argument | undefined): Choices {
  const remote = [...CONTROL_COMMANDS].filter(([, { kind, hidden }]) => kind === command && !hidden)
  if (remote.length > 0) return remote.map(([name]) => name)
  return argument && (argument.argChoices ?? VALUES[argument.name()])
}
