import { type BeatCommandOptions, startBeat } from '../beatService.ts'
import { openApp } from '../loadApp.ts'
import { type MetricsOptions, startMetrics } from '../metricsService.ts'
import { sendReady } from '../ready.ts'
import { prepareWorker, runWorker, type WorkerCommandOptions } from '../workerService.ts'

/** `celeriac worker`: runs tasks until a signal ends it. */
export async function worker(options: WorkerCommandOptions & BeatCommandOptions & MetricsOptions): Promise<void> {
  const app = await openApp(options)
  const metrics = await startMetrics(app, options)
  const prepared = await prepareWorker(app, options)
  const beat = options.beat ? await startBeat(app) : undefined
  const code = await runWorker(prepared, options, {
    ready: async () => sendReady(`worker ${prepared.hostname}`),
    close: async () => beat?.stop(),
  })
  await metrics?.close()
  await app.close()
  // A task that goes on, or a timer of the user's module, must not hold the process.
  process.exit(code)
}
