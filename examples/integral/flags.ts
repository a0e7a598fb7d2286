import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export const USAGE = `Usage: npm start [-- flags]

  --port NUMBER          port to listen on; 0: any free one (default 5000)
  --host HOST            address to listen on (default 127.0.0.1: this machine alone)
  --concurrency NUMBER   integrals at once (default: one per core)
  --pool POOL            threads (default), inline or solo
  --store URL            where tasks wait and results are kept (default: BROKER_URL, else sqlite:.celeriac/integral.db); also --broker
  --result-backend URL   where results are kept, if not there (default: RESULT_BACKEND); rpc://: in the memory of the service
  --help`

export interface Flags {
  readonly port: number
  readonly host: string
  readonly concurrency: number
  readonly pool: 'threads' | 'inline' | 'solo'
  /** Undefined: the app's own. */
  readonly broker: string | undefined
  readonly backend: string | undefined
  readonly help: boolean
}

const OPTIONS = {
  port: { type: 'string', default: '5000' },
  host: { type: 'string', default: '127.0.0.1' },
  concurrency: { type: 'string', default: String(availableParallelism()) },
  pool: { type: 'string', default: 'threads' },
  store: { type: 'string' },
  broker: { type: 'string' },
  'result-backend': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** Read the command line, and the environment for the stores. Throws an Error of one line for what is unknown or wrong. */
export function parseFlags(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Flags {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false })
  if (values.store !== undefined && values.broker !== undefined)
    throw new Error('--store and --broker are the same: expected one of them')
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    host: values.host,
    concurrency: wholeNumber('--concurrency', values.concurrency, 1, 256),
    pool: oneOf('--pool', values.pool, ['threads', 'inline', 'solo']),
    // An empty variable is none.
    broker: values.store ?? values.broker ?? (env.BROKER_URL || undefined),
    backend: values['result-backend'] ?? (env.RESULT_BACKEND || undefined),
    help: values.help,
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`${flag}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`)
}

function oneOf<Value extends string>(flag: string, text: string, known: readonly Value[]): Value {
  const value = known.find((one) => one === text)
  if (value !== undefined) return value
  throw new Error(`${flag}: expected ${known.join(', ')}, got ${JSON.stringify(text)}`)
}
