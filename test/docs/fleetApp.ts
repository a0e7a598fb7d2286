import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Alerts } from '../../src/alerts/alerts.ts'
import { bearer, type HttpServer, serve } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { recorderOf } from '../../src/recorder/recorder.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from '../app/lab.ts'
import { secretOf } from '../webhook/receiver.ts'

const TOKEN = 'a-token-of-ops-1234'

/** The app of docs/fleet.md behind a server, a worker, and what the page's examples are about. */
export interface FleetApp extends AsyncDisposable {
  /** What stands for the variables of the examples. */
  readonly variables: Readonly<Record<string, string>>
}

export async function startFleetApp(): Promise<FleetApp> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-fleet-docs-'))
  const logger = createLogger('error', { write: () => undefined })
  const app = new Celeriac({
    broker: `sqlite:${join(folder, 'shop.db')}`,
    recorder: true,
    logger,
    queues: { mail: {} },
  })
  const load = app.task('rows.load', (table: string) => {
    if (table === 'users') throw new RangeError(`no row ${table}`)
    return table
  })
  const authorize = bearer({ [TOKEN]: { id: 'ops', scopes: ['admin'] } })
  const alerts = new Alerts(app, {
    to: 'https://hooks.example.com/celeriac',
    secret: secretOf('alerts'),
    rules: [{ name: 'worker lost', on: 'worker-lost', for: 0 }],
  })
  const server: HttpServer = await serve(app.http({ expose: [load], authorize, fleet: { alerts, anyTask: true } }), {
    port: 0,
  })
  const worker = new Worker(app, { hostname: 'celeriac@web1', taskEvents: true, queues: ['celery'], logger: false })
  await worker.start()
  const failed = await load.applyAsync(['users'])
  await until(async () => (await failed.info())?.state === 'FAILURE')
  await load.applyAsync(['orders'], { queue: 'mail' })
  const recorder = await recorderOf(app)
  const failures = async () => (await recorder.failures({ limit: 1 })).groups
  await until(async () => (await failures()).length === 1)
  const [{ fingerprint } = { fingerprint: '' }] = await failures()
  return {
    variables: { URL: server.url.replace(/\/$/, ''), TOKEN, FAILED: failed.id, FINGERPRINT: fingerprint },
    async [Symbol.asyncDispose]() {
      await worker.stop({ grace: 0 })
      await server.close()
      await app.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
