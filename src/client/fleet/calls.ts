import { JobHandle } from '../handle.ts'
import { queryOf } from '../query.ts'
import { type AnyInput, type CallAnyOptions, idOf, pathOf, post } from '../submit.ts'
import type { Transport } from '../transport.ts'

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
