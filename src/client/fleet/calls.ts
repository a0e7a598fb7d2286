import { JobHandle } from '../handle.ts'
import { queryOf } from '../query.ts'
import { idOf, pathOf, post, type SubmitOptions } from '../submit.ts'
import type { Transport } from '../transport.ts'

/** What a task is called with, as Celery sends it. */
export interface AnyInput {
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
}

/** How a call of any task is submitted, which an admin may do where the server lets it. */
export interface CallAnyOptions extends SubmitOptions {
  /** Default: that of the app's options. */
  queue?: string | undefined
  /** Not before then; or so many seconds from now. */
  eta?: Date | undefined
  countdown?: number | undefined
  /** 0 to 9. */
  priority?: number | undefined
}

/** How a job is submitted again: with its own input where that was kept, or, by an admin, with another one. */
export interface RetryOptions extends CallAnyOptions {
  /** As the task takes it: an object, or a list of arguments. */
  input?: unknown
  /** In its place: Celery's arguments, where the server has `fleet.anyTask`. */
  call?: AnyInput | undefined
}

/** Submit a job that has ended once more. */
export async function retryJob(transport: Transport, id: string, options: RetryOptions = {}): Promise<JobHandle> {
  const { input, call, queue, eta, countdown, priority, ...others } = options
  const query = queryOf({ call: call && true, queue, eta, countdown, priority })
  const body = call ? { args: call.args ?? [], kwargs: call.kwargs ?? {} } : input
  const path = `/jobs/${encodeURIComponent(id)}/retry${query}`
  return new JobHandle(await idOf(await post(transport, path, body, others)), transport)
}

/** Call any task by its name. */
export async function callAny(
  transport: Transport,
  task: string,
  { args = [], kwargs = {} }: AnyInput,
  { queue, eta, countdown, priority, ...options }: CallAnyOptions = {},
): Promise<JobHandle> {
  const query = queryOf({ call: true, queue, eta, countdown, priority })
  return new JobHandle(await idOf(await post(transport, pathOf(task) + query, { args, kwargs }, options)), transport)
}
