import type { JobDocument } from '../../../../protocol/jobDocument.ts'
import type { RecordedJobDocument } from '../../../../protocol/recordedDocument.ts'

/** A job as the list shows it, whether the recorder or the result backend knows it. */
export interface JobRow {
  readonly id: string
  readonly task: string | null
  readonly state: string
  readonly args?: string | undefined
  readonly kwargs?: string | undefined
  readonly exception?: string | undefined
  readonly queue?: string | undefined
  readonly worker?: string | undefined
  /** ms */
  readonly wait?: number | undefined
  readonly runtime?: number | undefined
  readonly startedAt?: string | undefined
  /** ISO 8601; the list is in their order. */
  readonly firstAt?: string | undefined
  readonly changedAt?: string | undefined
}

/** Of texts, so much is kept for a list of thousands. */
const MAX_TEXT = 300

export function ofRecorded(job: RecordedJobDocument): JobRow {
  const { id, task, state, args, kwargs, exception, queue, worker, wait, runtime, startedAt, firstAt, changedAt } = job
  return {
    ...{ id, task, state, queue, worker, wait, runtime, startedAt, firstAt, changedAt },
    args: args?.slice(0, MAX_TEXT),
    kwargs: kwargs?.slice(0, MAX_TEXT),
    exception: exception?.slice(0, MAX_TEXT),
  }
}

/** The result backend's: no arguments, no queue, no worker. */
export function ofBackend({ id, task, state, error, createdAt, startedAt, finishedAt }: JobDocument): JobRow {
  const between = (from: string | null, to: string | null): number | undefined =>
    from === null || to === null ? undefined : Math.max(0, Date.parse(to) - Date.parse(from))
  return {
    ...{ id, task, state, wait: between(createdAt, startedAt), runtime: between(startedAt, finishedAt) },
    exception: error && `${error.type}: ${error.message}`.slice(0, MAX_TEXT),
    startedAt: startedAt ?? undefined,
    firstAt: createdAt ?? startedAt ?? finishedAt ?? undefined,
  }
}

/** What a row says of the call: its error, else its arguments. */
export function summaryOf({ state, args, kwargs, exception }: JobRow): string {
  if (exception && (state === 'FAILURE' || state === 'RETRY')) return exception
  const positional = (args ?? '').replace(/^\(|,?\)$/g, '')
  const named = (kwargs ?? '').replace(/^\{|\}$/g, '')
  return [positional, named].filter(Boolean).join(', ')
}
