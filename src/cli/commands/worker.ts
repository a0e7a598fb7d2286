import { ConfigError } from '../../std/errors.ts'
import { type BeatCommandOptions, startBeat } from '../beatService.ts'
import { type HealthOptions, startHealth } from '../healthService.ts'
import { openApp } from '../loadApp.ts'
import { holdPidFile } from '../pidFile.ts'
import { sendReady } from '../ready.ts'
import { prepareWorker, runWorker, type WorkerCommandOptions } from '../workerService.ts'

export interface WorkerOptions extends WorkerCommandOptions, BeatCommandOptions, HealthOptions {
  /** Path. */
  pidfile?: string
  detach?: boolean
}

/** `celeriac worker`: runs tasks until a signal ends it. */
export async function worker(options: WorkerOptions): Promise<void> {
  if (options.detach)
    throw new ConfigError(
      '--detach: expected a service manager that runs the worker (systemd, Docker, Kubernetes) and keeps its log, got -D: see docs/how-to/deploy.md',
    )
  if (options.pidfile !== undefined) holdPidFile(options.pidfile)
  const app = await openApp(options)
  const health = await startHealth(app, options)
  const prepared = await prepareWorker(app, options)
  health.watch(prepared)
  const beat = options.beat ? await startBeat(app) : undefined
  const code = await runWorker(prepared, options, {
    ready: async () => sendReady(`worker ${prepared.hostname}`),
    close: async () => beat?.stop(),
    isService: true,
  })
  await health.close()
  await app.close()
  // A task that goes on, or a timer of the user's module, must not hold the process.
  process.exit(code)
}
