import { hostname } from 'node:os'
import { ConfigError, createLogger } from 'celeriac'
import { serve } from 'celeriac/http'
import { Worker } from 'celeriac/worker'
import { type Flags, parseFlags, USAGE } from './flags.ts'
import { Jobs, jobsFile } from './jobs.ts'
import { logLines } from './log.ts'
import { createService } from './service.ts'
import { untilStopped } from './stop.ts'
import { app } from './tasks.ts'
import { welcome } from './welcome.ts'

/*
 * npm start: the service and its worker in one process.
 */

/** Seconds that running integrals may go on when the service stops; what is not done then goes back to the queue. */
const GRACE = 10

/** One line on standard error, and the end. */
function fail(error: unknown, code: number): never {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`integral: ${message.replace(/\s*\n\s*/g, ' ')}\n`)
  process.exit(code)
}

function readFlags(): Flags {
  try {
    return parseFlags(process.argv.slice(2))
  } catch (error) {
    fail(error, 2)
  }
}

async function run(flags: Flags): Promise<number> {
  const { host, port, broker, backend, pool, concurrency } = flags
  app.configure({ broker, backend, logger: createLogger('warn') })
  logLines(app)
  const stores = await app.connect().catch((error: unknown) => fail(error, error instanceof ConfigError ? 2 : 1))
  const jobs = new Jobs(jobsFile(stores.backend))
  const server = await serve(createService(jobs), { host, port })
  const worker = new Worker(app, {
    pool,
    concurrency: pool === 'solo' ? 1 : concurrency,
    module: new URL('tasks.ts', import.meta.url).href,
    hostname: `integral${process.pid}@${hostname()}`,
    grace: GRACE * 1000,
    // `logLines` writes what is worth a line.
    logger: false,
  })
  await worker.start()
  console.log(welcome({ url: server.url, store: stores.broker, broker, backend, pool: worker.pool }))
  const close = async (): Promise<void> => {
    await app.close()
    jobs.close()
  }
  return untilStopped({
    gently: async () => {
      console.log(stopText(worker.busy))
      await Promise.all([server.close(), worker.stop()])
      await close()
    },
    now: async () => {
      await worker.stop({ grace: 0 })
      await close()
    },
  })
}

function stopText(running: number): string {
  if (running === 0) return 'stopping'
  const integrals = running === 1 ? '1 integral runs' : `${running} integrals run`
  const rest = 'what is not done then waits for the next start'
  return `stopping: ${integrals}, for at most ${GRACE} s more; ${rest} (Ctrl-C again: at once)`
}

const flags = readFlags()
if (flags.help) {
  console.log(USAGE)
  process.exit(0)
}
try {
  process.exit(await run(flags))
} catch (error) {
  fail(error, 1)
}
