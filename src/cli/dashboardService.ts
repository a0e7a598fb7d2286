import { readFile } from 'node:fs/promises'
import type { Alerts } from '../alerts/alerts.ts'
import type { App } from '../app/app.ts'
import type { StoreInfo } from '../app/storeInfo.ts'
import { isLoopback } from '../http/access/hostGuard.ts'
import { createDashboard } from '../http/dashboard/dashboard.ts'
import { newToken, OWN_IDENTITY, parseTokens } from '../http/dashboard/tokens.ts'
import type { HttpServer } from '../http/server/serve.ts'
import { recorderOf } from '../recorder/recorder.ts'
import { ConfigError, StoreUnavailableError } from '../std/errors.ts'
import { codeOf } from '../std/thrown.ts'
import { startFlowerMetrics } from '../telemetry/metrics/flower.ts'
import { type Address, serveHttp } from './httpService.ts'
import { type AppOptions, openApp } from './loadApp.ts'
import { sendReady } from './ready.ts'
import { stopped } from './stop.ts'

export interface DashboardCommandOptions extends Omit<AppOptions, 'app'>, Address {
  /** False: no token is asked for. */
  token: boolean
  tokenFile?: string
  readOnly?: boolean
  trustProxy?: readonly string[]
  /** Of the app whose schedule it shows. */
  name?: string
  /** SQLite file of the recorder. */
  recorderFile?: string
  /** JSON file with the rules of alerts. */
  alerts?: string
}

/** Who may use it. `own`: the token that was made for this start, to be printed once. */
interface Access {
  readonly tokens: Parameters<typeof createDashboard>[1]['tokens']
  readonly own?: string
}

/** `celeriac dashboard`: the REST API of a fleet, until a signal ends it. */
export async function dashboard(options: DashboardCommandOptions): Promise<void> {
  const { host, port, hosts, readOnly = false, trustProxy = [] } = options
  const access = await accessOf(options)
  const { name, recorderFile } = options
  const app = await openApp(
    { ...options, plain: { name, recorder: recorderFile === undefined || { file: recorderFile } } },
    'people',
  )
  const alerts = options.alerts === undefined ? undefined : await alertsOf(app, options.alerts)
  const api = createDashboard(app, { tokens: access.tokens, readOnly, proxies: trustProxy, alerts })
  const { broker, backend } = await connected(app)
  const server = await served(app, async () => {
    await Promise.all([record(app), startFlowerMetrics(app)])
    await alerts?.start()
    return serveHttp(api, { host, port, hosts })
  })
  const ending = stopped({ warm: () => server.close(), cold: async () => undefined })
  process.stdout.write(`${bannerOf({ server, broker, backend, own: access.own, options })}\n`)
  sendReady(`dashboard at ${server.url}`)
  const code = await ending
  await app.close()
  process.exit(code)
}

/** The code of alerts is loaded where there are some. */
async function alertsOf(app: App, file: string): Promise<Alerts> {
  return (await import('./alertFile.ts')).alertsOf(app, file)
}

/** Without a record, no change could be audited: a file that cannot be used fails the start. */
async function record(app: App): Promise<void> {
  try {
    const recorder = await recorderOf(app)
    // A recorder waits for a file that cannot be opened; here nothing could be shown meanwhile.
    await recorder.status()
    await recorder.start()
  } catch (error) {
    const kind = [ConfigError, StoreUnavailableError].find((one) => error instanceof one)
    if (!kind) throw error
    throw new kind(`dashboard: ${(error as Error).message}; --recorder-file names another file`, { cause: error })
  }
}

async function accessOf({ host, token, tokenFile }: DashboardCommandOptions): Promise<Access> {
  if (tokenFile !== undefined) {
    if (!token) throw new ConfigError('dashboard: expected --token-file or --no-token, got both')
    return { tokens: parseTokens(await textOf(tokenFile), 'dashboard: --token-file') }
  }
  if (!isLoopback(host))
    throw new ConfigError(
      `dashboard: expected --token-file, which says who may use it, at an address that others reach, got --host ${host}${token ? '' : ' and --no-token'}`,
    )
  if (!token) return { tokens: undefined }
  const own = newToken()
  return { tokens: { [own]: OWN_IDENTITY }, own }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`dashboard: --token-file: cannot read ${path}: ${codeOf(error)}`, { cause: error })
  }
}

/** A broker that is not there fails the start: with a wrong URL, nothing would ever be shown. */
async function connected(app: App): Promise<StoreInfo> {
  return served(app, async () => {
    const stores = await app.connect()
    if (stores.broker.startsWith('memory:'))
      throw new ConfigError('dashboard: expected a broker that other processes share, got memory:')
    await app.queueSize()
    return stores
  })
}

/** What fails at the start must not leave the stores open. */
async function served<Value>(app: App, start: () => Promise<Value>): Promise<Value> {
  try {
    return await start()
  } catch (error) {
    await app.close()
    throw error
  }
}

interface Banner {
  readonly server: HttpServer
  readonly broker: string
  readonly backend: string
  readonly own: string | undefined
  readonly options: DashboardCommandOptions
}

/** Where it is, and how to get in. A token stands here, and nowhere else. */
function bannerOf({ server: { url }, broker, backend, own, options }: Banner): string {
  const header = own === undefined ? '' : ` -H 'Authorization: Bearer ${own}'`
  return [
    `dashboard at ${url}${options.readOnly ? ', read-only' : ''}`,
    ` .> broker: ${broker}`,
    ` .> results: ${backend}`,
    ` .> open ${url}${own === undefined ? '/dashboard' : `/login?token=${own}`}`,
    ...(options.tokenFile === undefined ? [` .> curl${header} ${url}/v1/doctor`] : []),
  ].join('\n')
}
