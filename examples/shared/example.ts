import { type Defaults, type Flags, flagLines, parseFlags } from './flags.ts'
import { type Modules, partsOf, urlOf } from './parts.ts'
import { Processes } from './processes.ts'

/** A service of two commands: one serves, the other works. */
export interface Example extends Defaults, Modules {
  readonly name: string
  /** What to try, when it is up at `url`. */
  welcome(url: string): string
}

/** How long running tasks may go on when it stops. */
const GRACE = '5s'

/** The example from its command line to its end: the program's exit code. */
export async function runExample(example: Example, args: readonly string[]): Promise<number> {
  const { name } = example
  let flags: Flags
  try {
    flags = parseFlags(args, example)
    requireShared(flags)
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message.replace(/\s*\n\s*/g, ' ')}\n`)
    return 2
  }
  if (flags.help) {
    console.log(`Usage: npm start -- ${name} [flags]\n\n${flagLines(example)}`)
    return 0
  }
  const options = ['--pool', 'threads', '--concurrency', flags.concurrency, '--grace', GRACE]
  return await new Processes(name).run(partsOf(example, flags, options), ([said = '']) => example.welcome(urlOf(said)))
}

/** Throws where results are told to one process only, and another may be asked for them. */
function requireShared({ workers, broker, backend }: Flags): void {
  const at = backend ?? process.env.RESULT_BACKEND ?? ''
  const queue = broker ?? process.env.BROKER_URL ?? ''
  const told = at === '' ? /^amqps?:/.test(queue) : at.startsWith('rpc:')
  if (told && workers !== '1')
    throw new Error(
      `--workers: expected 1 where results are sent over rpc://, got ${workers}; or give a --result-backend`,
    )
}
