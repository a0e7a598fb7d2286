import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../../app/app.ts'
import { moduleUrl } from '../../app/loadApp.ts'
import { isLoopback } from '../../http/access/hostGuard.ts'
import { HTTP_OPTIONS } from '../../http/options.ts'
import { ConfigError } from '../../std/errors.ts'
import { startBeatIfUseful } from '../beatService.ts'
import { DevSupervisor } from '../devSupervisor.ts'
import { type HttpCommandOptions, ownHttp, startHttp } from '../httpService.ts'
import { openApp } from '../loadApp.ts'
import { sendReady } from '../ready.ts'
import { startRecorder } from '../recorderService.ts'
import { type SampleCall, sampleCall } from '../sample.ts'
import { prepareWorker, runWorker, type WorkerCommandOptions } from '../workerService.ts'

export interface DevCommandOptions extends WorkerCommandOptions, HttpCommandOptions {
  reload: boolean
  poll?: boolean
}

/** Modules that are tried where the command names none. */
const DEFAULT_MODULES = ['', 'src/'].flatMap((folder) =>
  ['ts', 'mts', 'js', 'mjs'].map((end) => `${folder}tasks.${end}`),
)

/**
 * `celeriac dev`: API and worker in one process; unless `--no-reload`, below a parent that restarts it when code
 * changes.
 */
export async function dev(module: string | undefined, options: DevCommandOptions): Promise<void> {
  const path = module ?? DEFAULT_MODULES.find((name) => existsSync(name))
  if (path === undefined)
    throw new ConfigError(`dev: expected a module, or one of ${DEFAULT_MODULES.join(', ')}; there is none`)
  // Fails here, once, where there is no such file.
  const file = fileURLToPath(moduleUrl(path))
  if (options.reload) await supervise(path, dirname(file), options.poll ?? false)
  else await run({ ...options, app: path })
}

/** The same command line with `--no-reload`, kept running. */
async function supervise(module: string, folder: string, poll: boolean): Promise<void> {
  const rest = process.argv.slice(3)
  const given = rest.includes(module) ? rest : [module, ...rest]
  const command = [...process.execArgv, resolve(process.argv[1] as string), 'dev', ...given, '--no-reload']
  const supervisor = new DevSupervisor(command, folder, (text) => process.stderr.write(`celeriac: ${text}\n`), poll)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
    process.on(signal, () => supervisor.stop(signal))
  }
  process.exit(await supervisor.run())
}

async function run(options: DevCommandOptions): Promise<void> {
  const app = await openApp(options, 'people')
  // At an address that others reach, the module has to say who may see the fleet.
  const server = await startHttp(app, { ...options, fleet: isLoopback(options.host) })
  const hasPages = isLoopback(options.host) && (await ownHttp(options.app)) === undefined
  const record = await recording(app, options)
  const worker = await prepareWorker(app, options)
  const beat = await startBeatIfUseful(app)
  const code = await runWorker(worker, options, {
    ready: async () => {
      await startRecorder(app, true)
      process.stdout.write(`${hint(server.url, await sampleCall(app), hasPages)}\n`)
      sendReady(`worker and HTTP API at ${server.url}`)
    },
    close: async () => {
      await Promise.all([server.close(), beat?.stop(), record?.()])
    },
  })
  await app.close()
  process.exit(code)
}

/** The fleet is recorded where it is shown, unless the app says that it is not. */
async function recording(app: App, { host }: DevCommandOptions): Promise<(() => Promise<void>) | undefined> {
  if (!isLoopback(host) || app.config.recorder.mode === 'off') return undefined
  const { recordWhileOpen } = await import('../../recorder/recorder.ts')
  return recordWhileOpen(app)
}

/** Where the API is, and a first call to try. */
function hint(url: string, sample: SampleCall | undefined, hasPages: boolean): string {
  const api = `${url}${HTTP_OPTIONS.basePath.default}`
  const lines = [
    '',
    ' [http]',
    ` .> ${api} (OpenAPI: ${url}/openapi.json)`,
    ` .> ${url}/docs: every task, to try in the browser`,
  ]
  if (hasPages) lines.push(` .> ${url}/dashboard: what runs, waits and fails`)
  if (sample) {
    const data = `'${sample.body.replaceAll("'", "'\\''")}'`
    const header = "-H 'content-type: application/json'"
    lines.push(` .> try: curl ${api}/tasks/${encodeURIComponent(sample.task)} ${header} -d ${data}`)
  }
  return lines.join('\n')
}
