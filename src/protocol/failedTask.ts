import { isRecord } from '../std/isRecord.ts'
import { decodeException } from './exception.ts'
import type { RecordState } from './record.ts'

/** The failed task that an errback is called for. */
export interface FailedTask {
  readonly id: string
  /** Its name; of a chord that of the task at the end of its body. */
  readonly task: string
  /** Its error: the name, as `RangeError`, and the message, of which at most 4000 characters are kept. */
  readonly error: { readonly type: string; readonly message: string }
}

/** With it an errback gets the failed task; Celery passes it on, and does not read it. */
export const FAILED_HEADER = 'celeriac_failed'
/** All headers of a message must fit into one frame of RabbitMQ. */
const MAX_MESSAGE_LENGTH = 4000

/** Options of an errback, and of all tasks in it. */
export function failedOptions(
  { id, task }: Pick<FailedTask, 'id' | 'task'>,
  { result }: Pick<RecordState, 'result'>,
): { readonly headers: Readonly<Record<string, unknown>> } {
  const { type, message } = decodeException(result)
  const failed: FailedTask = { id, task, error: { type, message: message.slice(0, MAX_MESSAGE_LENGTH) } }
  return { headers: { [FAILED_HEADER]: failed } }
}

/** The failed task by the headers of its errback; undefined where there is none, or it has another form. */
export function failedTaskIn(headers: Readonly<Record<string, unknown>>): FailedTask | undefined {
  const failed = headers[FAILED_HEADER]
  if (!isRecord(failed) || !isRecord(failed.error)) return undefined
  const { id, task } = failed
  const { type, message } = failed.error
  const isWhole = [id, task, type, message].every((value) => typeof value === 'string')
  return isWhole ? ({ id, task, error: { type, message } } as FailedTask) : undefined
}
