import { openApp } from '../open.ts'
import { prepareWorker, runWorker, type WorkerCommandOptions } from '../workerService.ts'

/** `celeriac worker`: runs tasks until a signal ends it. */
export async function worker(options: WorkerCommandOptions): Promise<void> {
  const app = await openApp(options)
  const code = await runWorker(await prepareWorker(app, options), options)
  await app.close()
  // A task that goes on, or a timer of the user's module, must not hold the process.
  process.exit(code)
}
