/* The entry of one thread of a pool. */
import { parentPort, workerData } from 'node:worker_threads'
import { ConfigError } from '../../../std/errors.ts'
import type { ChildData } from '../child/messages.ts'
import { serveChannel } from '../child/runner.ts'

if (!parentPort) throw new ConfigError('expected to run in a thread of a pool, got the main thread')
const port = parentPort
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
