import type { LiveSubject } from '../../protocol/liveDocument.ts'
import { type EventOptions, type LiveMessage, liveMessages } from '../events.ts'
import { queryOf } from '../query.ts'
import type { Transport } from '../transport.ts'
import type { RecordedFilterOptions } from './recorded.ts'

/** Which changes of a fleet are read, and until when. */
export interface LiveOptions extends EventOptions, Omit<RecordedFilterOptions, 'state' | 'since' | 'until' | 'signal'> {
  /** One or more. `queues` and `workers` are for viewers. */
  watch: LiveSubject | readonly LiveSubject[]
  /** Of jobs: this one alone. */
  id?: string | undefined
  /** Of jobs: at most so many in a message. Default, and at most, 200. */
  limit?: number | undefined
  /** Of statistics: what a series is of; `task` and `queue` choose some. Default `all`; without a role `task`. */
  by?: 'all' | 'task' | 'queue' | undefined
}

/** What changes in the fleet behind a transport. */
export function live(
  transport: Transport,
  { lastEventId, signal, ...options }: LiveOptions,
): AsyncGenerator<LiveMessage, void, void> {
  return liveMessages(transport, queryOf(options), { lastEventId, signal })
}
