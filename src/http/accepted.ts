import { PENDING } from '../protocol/states.ts'
import type { Accepted } from './idempotency.ts'
import { jobLinks, jobPath } from './job.ts'

/**
 * The job document of a call that was just handed in, as `jobDocument` would have it, made from what is known: no read of the store.
 * Written by hand, as every call pays for it.
 */
export function respondAccepted(
  { id, at, replayed }: Accepted,
  task: string,
  base: string,
  applied?: string,
): Response {
  const self = jobPath(base, id)
  const start = `{"id":${JSON.stringify(id)},"task":${JSON.stringify(task)},"state":"${PENDING}","progress":null,"attempt":1`
  const times = `"createdAt":"${new Date(at).toISOString()}","startedAt":null,"finishedAt":null`
  const links = JSON.stringify(jobLinks(base, id))
  const headers = acceptedHeaders(self, replayed, applied)
  return new Response(`${start},${times},"links":${links}}`, { status: 202, headers })
}

/** Where the job is, where it can be followed, and how the request was treated. */
export function acceptedHeaders(self: string, replayed: boolean, applied: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    location: self,
    'retry-after': '1',
    link: `<${self}/events>; rel="monitor"; type="text/event-stream", <${self}/result>; rel="result"`,
  }
  if (replayed) headers['idempotent-replayed'] = 'true'
  if (applied !== undefined) headers['preference-applied'] = applied
  return headers
}
