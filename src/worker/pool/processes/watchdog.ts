import { Worker } from 'node:worker_threads'
import { packageFile } from '../../../std/packageFile.ts'

/**
 * End this process, and all that it started, when its worker has ended. In a thread of its own: a task may keep the
 * event loop of this process busy for ever.
 */
export function startWatchdog(): void {
  const file = packageFile(import.meta.url, 'worker/pool/processes/watchdog', 'worker/pool/processes/watchdogThread')
  new Worker(file, { name: 'celeriac watchdog' }).unref()
}
