import { hostname } from 'node:os'
import type { Broker } from '../../broker/broker.ts'
import { EVENT_EXCHANGE, type Event, eventEnvelope, JOBS_FORGOTTEN } from '../../protocol/event.ts'
import type { ForgottenJobs } from '../../protocol/forgottenJobs.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import type { ForgetFilter } from './forgetJobs.ts'

/** Ids of one event. */
const MAX_IDS = 1000

/** What is to be removed from the record of a fleet, too: also of jobs whose own records have expired. */
export function forgottenFilters(
  { ids, owner, tag, tasks }: ForgetFilter,
  report: ForgottenJobs,
  followersOf: (id: string) => readonly string[],
): readonly ForgetFilter[] {
  const active = new Set(report.active)
  const named = ids?.filter((id) => !active.has(id)) ?? []
  const isChosen = owner !== undefined || tag !== undefined || tasks !== undefined
  const known = [...new Set([...report.ids, ...(isChosen ? [] : named)])]
  const all = known.flatMap((id) => [id, ...followersOf(id)])
  const filters: ForgetFilter[] = pieces(all, MAX_IDS).map((some) => ({ ids: some }))
  if (!isChosen) return filters
  // Of ids, those that the filter chooses; else all of the owner, after the last page.
  if (ids) return [...filters, ...pieces(named, MAX_IDS).map((some) => ({ ids: some, owner, tag, tasks }))]
  return report.cursor === undefined ? [...filters, { owner, tag, tasks }] : filters
}

/** Ask the recorders on all machines to forget these jobs. Rejects with StoreUnavailableError. */
export async function announceForgotten(broker: Broker, clock: Clock, filters: readonly ForgetFilter[]): Promise<void> {
  const sender = `gen${process.pid}@${hostname()}`
  for (const jobs of filters) {
    const event: Event = { type: JOBS_FORGOTTEN, hostname: sender, timestamp: clock.now() / 1000, jobs }
    const routingKey = JOBS_FORGOTTEN.replaceAll('-', '.')
    await broker.publish(eventEnvelope(event, sender), { exchange: EVENT_EXCHANGE, routingKey })
  }
}
