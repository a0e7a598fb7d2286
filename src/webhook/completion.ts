import type { Settlement } from '../backend/unitOfWork.ts'
import { WEBHOOK_HEADER } from '../calls/webhookHeader.ts'
import { completionOf } from '../calls/webhookMessage.ts'
import type { TaskMeta } from '../protocol/result.ts'

/**
 * The settlement of a job that ends with this record, and in the same write the word to whoever asked to be told. `headers` are the message's;
 * `meta` is given apart, as a job without a record tells its end, too.
 */
export function withCompletion(
  settlement: Settlement,
  meta: TaskMeta,
  headers: Readonly<Record<string, unknown>>,
  { hostname, listed }: { readonly hostname: string; readonly listed: boolean },
): Settlement {
  if (headers[WEBHOOK_HEADER] === undefined) return settlement
  const completion = completionOf({ meta, headers, queue: settlement.delivery.queue, origin: hostname })
  if (!completion) return settlement
  const { publish = [], also = [] } = settlement
  return {
    ...settlement,
    publish: [...publish, completion.message],
    also: listed ? [...also, completion.meta] : also,
  }
}
