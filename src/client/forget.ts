import type { ForgottenJobs } from '../protocol/forgottenJobs.ts'
import type { Transport } from './transport.ts'

/** Which jobs are forgotten: those that fit all that is named, at least one of `ids`, `owner` and `tag`. */
export interface ForgetOptions {
  /** At most 1000. */
  ids?: readonly string[] | undefined
  /** For admins; default for others: they themselves. */
  owner?: string | undefined
  /** Only those with this tag. */
  tag?: string | undefined
  /** Report what would be removed, and change nothing. */
  dryRun?: boolean | undefined
  /** Revoke those that have not ended before. */
  revoke?: boolean | undefined
  /** Most jobs of one request, at most 1000; not beside `ids`. */
  limit?: number | undefined
  /** Of the report before; not beside `ids`. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Forget jobs. Not repeated by itself: the report of a second request would not have what the first removed. */
export async function forgetJobs(transport: Transport, options: ForgetOptions): Promise<ForgottenJobs> {
  const { ids = [], dryRun, revoke, signal, ...rest } = options
  const query = new URLSearchParams()
  for (const id of ids) query.append('id', id)
  for (const [name, value] of Object.entries({ ...rest, dryRun, revoke }))
    if (value !== undefined) query.set(name, String(value))
  const response = await transport.ask(`/records?${query}`, { method: 'DELETE', retries: 0, ...(signal && { signal }) })
  return response.json() as Promise<ForgottenJobs>
}
