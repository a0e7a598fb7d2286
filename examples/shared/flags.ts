import { parseArgs } from 'node:util'

/** What an example can be told on its command line; text as it was given, for the program that it is passed on to. */
export interface Flags {
  readonly port: string
  readonly host: string
  readonly workers: string
  readonly concurrency: string
  /** Undefined: the app's own, which looks at BROKER_URL and RESULT_BACKEND. */
  readonly broker: string | undefined
  readonly backend: string | undefined
  readonly help: boolean
}

/** What an example does unless told. */
export interface Defaults {
  /** Where its tasks wait. */
  readonly store: string
  /** Processes that serve. */
  readonly workers: number
  /** Tasks at once. */
  readonly concurrency: number
}

/** Lines of the flags, for the text of `--help`. */
export function flagLines({ store, workers, concurrency }: Defaults): string {
  return `  --port NUMBER          port to listen on; 0: any free one (default 5000)
  --host HOST            address to listen on (default 127.0.0.1: this machine alone)
  --workers NUMBER       processes that serve (default ${workers})
  --concurrency NUMBER   tasks at once (default ${concurrency})
  --broker URL           where tasks wait (default: BROKER_URL, else ${store})
  --result-backend URL   where results are kept, if not there (default: RESULT_BACKEND, else the broker)
  --help`
}

/** Read the command line. Throws an Error of one line for what is unknown or wrong. */
export function parseFlags(args: readonly string[], { workers, concurrency }: Defaults): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '5000' },
      host: { type: 'string', default: '127.0.0.1' },
      workers: { type: 'string', default: String(workers) },
      concurrency: { type: 'string', default: String(concurrency) },
      broker: { type: 'string' },
      'result-backend': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: false,
  })
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    host: values.host,
    workers: wholeNumber('--workers', values.workers, 1, 64),
    concurrency: wholeNumber('--concurrency', values.concurrency, 1, 256),
    broker: values.broker,
    backend: values['result-backend'],
    help: values.help,
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): string {
  if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return text
  throw new Error(`${flag}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`)
}
