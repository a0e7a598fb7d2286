import type { JobDocument, JobEvent } from '../../client/client.ts'
import { ConnectionError, ProblemError } from '../../client/problem.ts'
import { isEnded } from '../parts/state.tsx'
import type { CallApi } from './api.ts'

/** s that one request waits for a change; ms between requests where the server does not wait. */
const WAIT_S = 25
const PAUSE_MS = 1000

/**
 * Follow a job to its end: by its events, or by asking where those do not come. `take` is called with each; resolves
 * with the job as it is then.
 */
export async function follow(
  api: CallApi,
  id: string,
  signal: AbortSignal,
  take: (event: JobEvent) => void,
): Promise<JobDocument> {
  const job = api.client.job(id)
  try {
    for await (const event of job.events({ signal })) take(event)
  } catch (error) {
    // What a proxy holds back, the job itself says.
    if (!(error instanceof ConnectionError || error instanceof ProblemError)) throw error
  }
  const info = await job.info({ signal })
  return isEnded(info.state) ? info : ask(api, info, signal, take)
}

/** The server holds each request until something has changed. */
async function ask(
  { fetch, url, base }: CallApi,
  first: JobDocument,
  signal: AbortSignal,
  take: (event: JobEvent) => void,
): Promise<JobDocument> {
  const { id } = first
  let etag: string | null = null
  let last: string | undefined
  for (;;) {
    const headers: Record<string, string> = etag === null ? {} : { 'if-none-match': etag, prefer: `wait=${WAIT_S}` }
    const response: Response = await fetch(`${url}${base}/jobs/${encodeURIComponent(id)}`, { headers, signal })
    if (response.status !== 304) {
      const job = (await response.json()) as JobDocument
      if (!response.ok) throw new Error((job as unknown as { detail?: string }).detail ?? `HTTP ${response.status}`)
      etag = response.headers.get('etag')
      const progress = JSON.stringify(job.progress)
      if (job.progress !== null && progress !== last) take({ type: 'progress', id, data: job.progress })
      else take({ type: 'state', id, state: job.state, attempt: job.attempt })
      last = progress
      if (isEnded(job.state)) return job
    }
    if (etag === null) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
