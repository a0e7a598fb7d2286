/* The entry of one process of a pool. */
import { once } from 'node:events'
import { ConfigError } from '../../../std/errors.ts'
import { loadError, loadFailureOf } from '../child/loadFailure.ts'
import type { ChildData, FromChild, ToChild } from '../child/messages.ts'
import { serveChannel } from '../child/runner.ts'
import { startWatchdog } from './watchdog.ts'

if (!process.send) throw new ConfigError('expected to run in a process of a pool, got one without an IPC channel')
startWatchdog()
// The worker ends it. A service manager signals all processes of a service at once, and tasks may go on for a while.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

/** Nothing receives it where the worker has gone: the watchdog ends this process then. */
function send(message: FromChild): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** What is thrown may be anything, also what cannot be sent, or is nested so deeply that it cannot be received. */
process.on('uncaughtExceptionMonitor', (error: unknown) => {
  send({ type: 'uncaught', error: loadError(loadFailureOf(error)) })
})
const [data] = (await once(process, 'message')) as [ChildData]
await serveChannel(
  {
    send,
    onMessage: (listener) => void process.on('message', (message) => listener(message as ToChild)),
    memory: () => process.memoryUsage.rss(),
  },
  data,
)
