import { PENDING } from '../../protocol/states.ts'
import { isoOf } from '../../std/clock.ts'
import { timeOf } from '../../std/id.ts'
import type { Accepted } from '../input/idempotency.ts'
import { jobPath } from './job.ts'

/** The answer to a call that was just submitted. */
export function respondAccepted(
  { id, at, replayed }: Accepted,
  task: string | null,
  base: string,
  applied?: string,
): Response {
  const self = jobPath(base, id)
  const headers = acceptedHeaders(self, replayed, applied)
  return new Response(acceptedText(id, at, task, self), { status: 202, headers })
}

/**
 * The job document of such a call, as `jobDocument` would have it, made from what is known: no read of the store.
 * Written by hand, as every call pays for it. `at` is ms since the epoch, `self` the job's path.
 */
export function acceptedText(id: string, at: number, task: string | null, self: string): string {
  const start = `{"id":${JSON.stringify(id)},"task":${JSON.stringify(task)},"state":"${PENDING}","progress":null,"attempt":1`
  // An id of ours holds the moment that the record has.
  const times = `"createdAt":"${isoOf(timeOf(id) ?? at)}","startedAt":null,"finishedAt":null`
  const path = JSON.stringify(self).slice(0, -1)
  return `${start},${times},"links":{"self":${path}","result":${path}/result","events":${path}/events"}}`
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
