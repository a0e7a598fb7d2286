import { faultOf } from '../../broker/storeErrors.ts'
import { requirePayloads, type Stores } from '../../calls/stores.ts'
import { errorInfo } from '../../protocol/exception.ts'
import type { Job } from '../../protocol/job.ts'
import { decodeTask, type TaskMessage } from '../../protocol/message.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Pool, RunOptions } from '../pool/pool.ts'
import type { Request } from './request.ts'

/** What reading an input needs of the worker. */
export interface InputContext {
  readonly stores: Pick<Stores, 'payloads'>
  /** Content types that are read. */
  readonly accept: ReadonlySet<string>
}

/** While the payload store is unavailable, a task waits for so long in its queue, ms. No attempt is counted. */
const UNAVAILABLE_MS = 10_000

/**
 * Run a job with its arguments, which are in the payload store. Without them it fails, and says why; while the store is
 * unavailable, it goes back to its queue. Never rejects, unless the pool does.
 */
export async function runWithInput(
  pool: Pick<Pool, 'run'>,
  { job, request }: { readonly job: Job; readonly request: Request },
  options: RunOptions,
  context: InputContext,
): Promise<Outcome> {
  let call: Pick<TaskMessage, 'args' | 'kwargs'>
  try {
    const envelope = await requirePayloads(context.stores).reader.envelope(request.delivery.envelope)
    const { args, kwargs } = decodeTask(envelope, context.accept)
    call = { args, kwargs }
  } catch (error) {
    if (faultOf(error) === 'outage') return { kind: 'snooze', delay: UNAVAILABLE_MS }
    return { kind: 'failure', error: errorInfo(error) }
  }
  return pool.run({ ...job, ...call, ...(job.message && { message: { ...job.message, ...call } }) }, options)
}
