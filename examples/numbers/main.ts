import { createServer } from 'node:net'
import { type Flags, flagLines, parseFlags } from '../shared/flags.ts'
import { partsOf, urlOf } from '../shared/parts.ts'
import { Processes } from '../shared/processes.ts'

/*
 * npm start -- numbers: the web server, and a worker with the beat.
 */

const MODULES = { web: new URL('server.ts', import.meta.url), tasks: new URL('tasks.ts', import.meta.url) }
const DEFAULTS = { store: 'sqlite:.celeriac/numbers.db', workers: 1, concurrency: 1 }

const USAGE = `Usage: npm start -- numbers [flags]

${flagLines(DEFAULTS)}

and by environment variables:
  DATABASE_URL           the requests and numbers (default sqlite:.celeriac/numbers.data.db; or postgres://…)
  NUMBERS_INTERVAL       how often waiting numbers are looked for (default 1m)`

const welcome = (url: string): string => `
numbers is at ${url}: hand in a request, see its task, see the request
  curl -X POST ${url}/number_request -d '{"rid": 1, "numbers": [51, 52], "jobtodo": ["sum", "mul"]}'
  curl '${url}/check_request?taskID=<taskID>'
  curl '${url}/number_request?rid=1'

Ctrl-C stops it; what is not done then is done after the next start.
`

/** Web server and worker run in processes of their own; what the worker starts reports to the server, and is told where it is. */
async function run(flags: Flags): Promise<number> {
  const port = flags.port === '0' ? await freePort(flags.host) : flags.port
  process.env.NUMBERS_URL = `http://${reachable(flags.host)}:${port}`
  const parts = partsOf(MODULES, { ...flags, port }, ['-B', '--pool', 'solo'])
  return await new Processes('numbers').run(parts, ([said = '']) => welcome(urlOf(said)))
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function freePort(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(String(port)))
    })
  })
}

function readFlags(): Flags {
  try {
    const flags = parseFlags(process.argv.slice(2), DEFAULTS)
    if (flags.concurrency !== '1')
      throw new Error(`--concurrency: expected 1 with a solo pool, got ${flags.concurrency}`)
    return flags
  } catch (error) {
    process.stderr.write(`numbers: ${(error as Error).message.replace(/\s*\n\s*/g, ' ')}\n`)
    process.exit(2)
  }
}

const flags = readFlags()
if (flags.help) console.log(USAGE)
else process.exitCode = await run(flags)
