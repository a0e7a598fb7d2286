import { type Defaults, type Flags, flagLines, parseFlags } from './flags.ts'
import { type Part, Processes } from './processes.ts'

/** A service of two commands: one serves, the other works. */
export interface Example extends Defaults {
  readonly name: string
  /** The module that `celeriac serve` serves, and the one whose tasks `celeriac worker` runs. */
  readonly web: URL
  readonly tasks: URL
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
  return await new Processes(name).run(partsOf(example, flags), ([url = '']) => example.welcome(url))
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

function partsOf({ web, tasks }: Example, { host, port, workers, concurrency, broker, backend }: Flags): Part[] {
  const stores = [...(broker ? ['--broker', broker] : []), ...(backend ? ['--result-backend', backend] : [])]
  const serving = ['serve', '-A', web.href, '--host', host, '--port', port, '--no-access-log']
  if (workers !== '1') serving.push('--workers', workers)
  const working = ['worker', '-A', tasks.href, '--pool', 'threads', '--concurrency', concurrency, '--grace', GRACE]
  return [
    { name: 'the service', args: [...serving, ...stores], up: /^HTTP API at (\S+)/m },
    { name: 'the worker', args: [...working, ...stores], up: /\[tasks\]/ },
  ]
}
