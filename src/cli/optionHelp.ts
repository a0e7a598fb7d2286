import { type Command, Option } from 'commander'
import { APP_OPTIONS } from '../config/appOptions.ts'
import type { AnyRow } from '../std/optionTable.ts'
import { duration, logLevel, wholeNumber } from './values.ts'

/*
 * Flags of the command line that set an option: their help, defaults, bounds and choices are those of its row in the
 * table of options.
 */

/** The texts of a flag itself. */
interface FlagWords {
  /** How a value is written, as `fast,slow`. */
  readonly as?: string
  /** What holds without the flag, in place of what the row says. */
  readonly absent?: string
}

/** A flag without a default of its own: where it is left out, what the app, the task or the option says holds. */
export function flag(flags: string, row: AnyRow, { as, absent = absenceOf(row) }: FlagWords = {}): Option {
  const parts = [
    as === undefined ? row.doc : `${row.doc}, as ${as}`,
    ...(absent === undefined ? [] : [`default: ${absent}`]),
  ]
  return new Option(flags, plain(parts.join('; ')))
}

/** A flag with the default of the option; commander shows it. */
export function flagWithDefault(flags: string, row: AnyRow): Option {
  return new Option(flags, plain(row.doc)).default(row.default)
}

/** A time with a default, which the command may have as its own. */
export function timeFlag(flags: string, row: AnyRow, time: string = String(row.default)): Option {
  return new Option(flags, plain(row.doc)).default(duration(time), time).argParser(duration)
}

/** A flag whose value is a whole number within the bounds of the option. */
export function countFlag(flags: string, row: AnyRow, words?: FlagWords): Option {
  return flag(flags, row, words).argParser(wholeNumber(row.min ?? 0, row.max ?? Number.MAX_SAFE_INTEGER))
}

/** A flag whose value is one of the option's. */
export function choiceFlag(flags: string, row: AnyRow, values: readonly string[] = row.values as string[]): Option {
  return flag(flags, row).choices(values)
}

function absenceOf(row: AnyRow): string | undefined {
  if (row.absent === undefined) return row.default === undefined ? undefined : String(row.default)
  return row.absent === 'none' ? undefined : row.absent
}

/** Markdown as text. */
function plain(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '')
}

const OF_APP = { absent: "the app's" }

/** `-A`. */
export function withModule(own: Command, required: boolean): Command {
  const option = new Option('-A, --app <module>', 'the TypeScript or JavaScript module with the app')
  return own.addOption(option.makeOptionMandatory(required))
}

/** `-b`, `--result-backend` and `-l`, with this level by default. */
export function withStores(own: Command, level: string): Command {
  return own
    .addOption(flag('-b, --broker <url>', APP_OPTIONS.broker, OF_APP).env('CELERIAC_BROKER'))
    .addOption(flag('--result-backend <url>', APP_OPTIONS.backend, OF_APP).env('CELERIAC_BACKEND'))
    .addOption(
      new Option('-l, --loglevel <level>', 'debug, info, warn or error')
        .default(logLevel(level), level)
        .argParser(logLevel),
    )
}

/** Which tasks are meant. */
export function withFilter(own: Command): Command {
  return own
    .option('--state <state>', 'in this state, as PENDING')
    .option('--task <name>', 'with this name')
    .option('--owner <owner>', 'of this owner')
    .option('--tag <tag>', 'with this tag')
    .option('--search <text>', 'with these words in id, name, tags or error')
    .option('--cursor <cursor>', 'go on where a call before ended')
    .option('--json', 'as JSON')
}

/** A command that inherits the settings of the root: how it fails and what it says then. */
export function command(root: Command, name: string, summary: string): Command {
  return root.command(name).summary(summary).description(summary)
}
