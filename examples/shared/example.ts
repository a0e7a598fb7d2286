import { type Flags, flagLines, parseFlags } from './flags.ts'
import { type Part, Processes } from './processes.ts'

/** A service of two processes: one serves, the other works. */
export interface Example {
  readonly name: string
  /** Where its tasks wait unless told. */
  readonly store: string
  /** Tasks at once unless told. */
  readonly concurrency: number
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
  const { name, store, concurrency } = example
  let flags: Flags
  try {
    flags = parseFlags(args, concurrency)
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message.replace(/\s*\n\s*/g, ' ')}\n`)
    return 2
  }
  if (flags.help) {
    console.log(`Usage: npm start -- ${name} [flags]\n\n${flagLines(store, concurrency)}`)
    return 0
  }
  return await new Processes(name).run(partsOf(example, flags), ([url = '']) => example.welcome(url))
}

function partsOf({ web, tasks }: Example, { host, port, concurrency, broker, backend }: Flags): Part[] {
  const stores = [...(broker ? ['--broker', broker] : []), ...(backend ? ['--result-backend', backend] : [])]
  const serving = ['serve', '-A', web.href, '--host', host, '--port', port]
  const working = ['worker', '-A', tasks.href, '--pool', 'threads', '--concurrency', concurrency, '--grace', GRACE]
  return [
    { name: 'the service', args: [...serving, ...stores], up: /^HTTP API at (\S+)/m },
    { name: 'the worker', args: [...working, ...stores], up: /\[tasks\]/ },
  ]
}
