import { ConfigError } from '../../std/errors.ts'
import type { BeatCommandOptions } from '../beatService.ts'
import type { HealthOptions } from '../healthService.ts'
import { openApp } from '../loadApp.ts'
import { sendReady } from '../ready.ts'
import { prepareWorker, runWorker, type WorkerCommandOptions } from '../workerService.ts'

export interface WorkerOptions extends WorkerCommandOptions, BeatCommandOptions, HealthOptions {
  /** Path. */
  pidfile?: string
  detach?: boolean
}

/** `celeriac worker`: runs tasks until a signal ends it. Loads what its options ask for. */
export async function worker(options: WorkerOptions): Promise<void> {
  if (options.detach)
    throw new ConfigError(
      '--detach: expected a service manager that runs the worker (systemd, Docker, Kubernetes) and keeps its log, got -D: see docs/how-to/deploy.md',
    )
  if (options.pidfile !== undefined) (await import('../pidFile.ts')).holdPidFile(options.pidfile)
  const app = await openApp(options)
  const { healthPort: port, healthHost: host } = options
  const health =
    port === undefined ? undefined : await (await import('../healthService.ts')).startHealth(app, { port, host })
  const prepared = await prepareWorker(app, options)
  health?.watch(prepared)
  const beat = options.beat ? await (await import('../beatService.ts')).startBeat(app) : undefined
  const code = await runWorker(prepared, options, {
    ready: async () => sendReady(`worker ${prepared.hostname}`),
    close: async () => beat?.stop(),
    isService: true,
  })
  await health?.close()
  await app.close()
  // A task that goes on, or a timer of the user's module, must not hold the process.
  process.exit(code)
}
