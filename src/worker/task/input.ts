import type { Delivery } from '../../broker/broker.ts'
import { pauseForStore } from '../../broker/storeBackoff.ts'
import { faultOf } from '../../broker/storeErrors.ts'
import { requirePayloads, type Stores } from '../../calls/stores.ts'
import { errorInfo } from '../../protocol/exception.ts'
import { decodeTask, type TaskMessage } from '../../protocol/message.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { asError } from '../../std/thrown.ts'
import type { WorkerApp } from '../workerApp.ts'

/** What reading an input needs of the worker. */
export interface InputContext {
  readonly app: Pick<WorkerApp, 'config' | 'signals'>
  readonly stores: Pick<Stores, 'payloads'>
  /** Content types that are read. */
  readonly accept: ReadonlySet<string>
  readonly stopNow: AbortSignal
}

/** The message with its arguments; or how the task ends, which cannot be run without them. */
export interface Input {
  readonly message?: TaskMessage
  readonly outcome?: Outcome
}

/** How often the payload store is asked again while it is unavailable. */
const MAX_REPEATS = 3
/** Then the task waits for so long in its queue, ms, and no attempt is counted. */
const UNAVAILABLE_MS = 10_000

/**
 * Read a message whose arguments are in the payload store. Without them its task fails, and says why; while the store
 * is unavailable, it goes back to its queue. Never rejects.
 */
export async function readInput({ envelope }: Delivery, context: InputContext): Promise<Input> {
  const { app, stores, accept, stopNow } = context
  for (let round = 0; ; round++) {
    try {
      return { message: decodeTask(await requirePayloads(stores).reader.envelope(envelope), accept) }
    } catch (thrown) {
      const error = asError(thrown)
      if (faultOf(error) !== 'outage')
        return { outcome: { kind: 'failure', error: errorInfo(error), deadLetter: 'undecodable' } }
      app.signals.emit('worker:error', { error, doing: 'reading the input of a task' })
      if (round === MAX_REPEATS || stopNow.aborted) return { outcome: { kind: 'snooze', delay: UNAVAILABLE_MS } }
    }
    await pauseForStore(round, app.config.clock, stopNow)
  }
}
