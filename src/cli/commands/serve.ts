import cluster from 'node:cluster'
import { once } from 'node:events'
import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'
import { metricsOf } from '../../telemetry/metrics/metrics.ts'
import { type BeatCommandOptions, startBeat } from '../beatService.ts'
import { Cluster, RETIRE_MESSAGE } from '../cluster.ts'
import { joinMetrics, leadMetrics } from '../clusterMetrics.ts'
import { type HttpCommandOptions, startHttp } from '../httpService.ts'
import { type AppOptions, openApp } from '../loadApp.ts'
import { sendReady } from '../ready.ts'
import { startRecorder } from '../recorderService.ts'
import { stopped, WARM_EXIT_CODE } from '../stop.ts'

export interface ServeCommandOptions extends AppOptions, HttpCommandOptions, BeatCommandOptions {
  /** How many processes; undefined: this one. */
  workers?: number
  accessLog: boolean
}

/** `celeriac serve`: the HTTP API alone, until a signal ends it. */
export async function serve(options: ServeCommandOptions): Promise<void> {
  if (options.workers !== undefined && cluster.isPrimary) process.exit(await lead(options.workers))
  const app = await openApp(options)
  if (cluster.isWorker) refusePrivateStores(app)
  // Before it listens: no scrape may show this process alone.
  const tellLast = cluster.isWorker && options.metrics ? joinMetrics(metricsOf(app), app.config.logger) : undefined
  const starting = startHttp(app, options, options.accessLog ? app.config.logger : undefined)
  const beating = options.beat ? startBeat(app) : undefined
  let retired = false
  const ending = stopped(
    {
      warm: async () => {
        const server = await starting
        await Promise.all([retired ? server.retire() : server.close(), beating?.then((beat) => beat.stop())])
      },
      cold: async () => undefined,
    },
    cluster.isWorker ? { warm: ['SIGTERM', 'SIGINT'] } : undefined,
  )
  if (cluster.isWorker) {
    // The signal goes to the whole group, and the leader handles it.
    process.on('SIGHUP', () => undefined)
    process.on('message', (message) => {
      if (message !== RETIRE_MESSAGE) return
      retired = true
      process.kill(process.pid, 'SIGTERM')
    })
  }
  const [server] = await Promise.all([starting, beating, startRecorder(app)])
  const text = `HTTP API at ${server.url} (tasks: ${taskNames(app)})`
  if (!cluster.isWorker) process.stdout.write(`${text}\n`)
  sendReady(text)
  const code = await ending
  if (code === WARM_EXIT_CODE) {
    await tellLast?.()
    await leave()
  }
  await app.close()
  process.exit(code)
}

/**
 * The leader passes connections to a child until it has received the message that the child no longer listens.
 * Connections on their way then go to another child, as long as this process is there to refuse them; if it were gone,
 * the client would wait for ever.
 */
async function leave(): Promise<void> {
  const { worker } = cluster
  if (!worker?.isConnected()) return
  const left = once(worker, 'disconnect')
  worker.disconnect()
  await left
}

/** What one process keeps to itself no other one of them can be asked about. */
function refusePrivateStores({ config: { broker, backend } }: App): void {
  const url = [broker, backend].find((each) => each !== undefined && /^(?:memory|rpc):/.test(String(each)))
  if (url === undefined) return
  throw new ConfigError(`serve --workers: expected a broker and a backend that several processes share, got ${url}`)
}

function taskNames(app: App): string {
  return [...app.tasks.keys()].sort().join(', ') || 'none'
}

/** So many processes with the same command line. SIGHUP replaces them one by one. */
async function lead(count: number): Promise<number> {
  const processes = new Cluster(
    count,
    (text) => process.stderr.write(`celeriac: ${text}\n`),
    (text) => {
      process.stdout.write(`${text}, ${count} processes below ${process.pid}\n`)
      sendReady(text)
    },
  )
  leadMetrics()
  process.on('SIGHUP', () => void processes.reload())
  const starting = processes.start()
  const ending = stopped(
    { warm: () => processes.stop('SIGTERM'), cold: () => processes.stop('SIGQUIT') },
    { warm: ['SIGTERM', 'SIGINT'] },
  )
  return (await Promise.race([starting, ending])) ?? ending
}
