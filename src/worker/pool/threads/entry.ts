/* The entry of one thread of a pool. */
import { parentPort, workerData } from 'node:worker_threads'
import { ConfigError } from '../../../std/errors.ts'
import { loadError, loadFailureOf } from '../child/loadFailure.ts'
import type { ChildData, FromChild } from '../child/messages.ts'
import { serveChannel } from '../child/runner.ts'

if (!parentPort) throw new ConfigError('expected to run in a thread of a pool, got the main thread')
const port = parentPort
// Node itself would send the error as it is: nested deeply enough, it ends the worker that receives it.
process.on('uncaughtException', (error: unknown) => {
  if (process.listenerCount('uncaughtException') > 1) return
  port.postMessage({ type: 'uncaught', error: loadError(loadFailureOf(error)) } satisfies FromChild)
  process.exit(1)
})
await serveChannel(
  {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
    memory: () => {
      // Both of this thread alone; the latter has the contents of its buffers.
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    },
  },
  workerData as ChildData,
)
