import { type Command, Option } from 'commander'
import { APP_OPTIONS } from '../config/appOptions.ts'
import { flag } from './optionHelp.ts'
import { logLevel } from './values.ts'

/* What most commands share. */

const OF_APP = { absent: "the app's" }

/** A command that inherits the settings of the root: how it fails and what it says then. */
export function command(root: Command, name: string, summary: string): Command {
  return root.command(name).summary(summary).description(summary)
}

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
