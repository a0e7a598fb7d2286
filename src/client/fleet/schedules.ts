import type {
  NewScheduleDocument,
  ScheduleChangeDocument,
  ScheduleDocument,
  ScheduledRunDocument,
  ScheduleMomentsDocument,
  SchedulePage,
  WhenDocument,
} from '../../protocol/scheduleDocument.ts'
import { parse, stringify } from '../json.ts'
import type { Transport } from '../transport.ts'
import { askFleet, type FleetRequestOptions } from './ask.ts'

/** Which entries are listed. */
export interface ScheduleListOptions extends FleetRequestOptions {
  /** Of this task alone. */
  task?: string | undefined
  /** Those alone that are paused, or are not. */
  paused?: boolean | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
}

/** Which moments of a schedule. */
export interface MomentOptions extends FleetRequestOptions {
  /** So many, 1 to 1000. Default 10. */
  next?: number | undefined
  /** None before; default: now. */
  start?: Date | undefined
  /** None after. */
  end?: Date | undefined
}

/** How an entry is changed or removed. */
export interface ScheduleEdit extends FleetRequestOptions {
  /** Only if it has this version still; else a ProblemError of the kind `schedule-changed`. */
  version?: string | undefined
}

/** The entries of the schedule. Viewers read; operators pause, resume and run; admins add, change and remove. */
export interface ScheduleClient {
  list(options?: ScheduleListOptions): Promise<SchedulePage>
  /** One entry. `next`: also so many next moments, 1 to 1000. */
  get(name: string, options?: FleetRequestOptions & { next?: number | undefined }): Promise<ScheduleDocument>
  /** When an entry with this schedule would be due. ProblemError of the kind `invalid-query` where it is none. */
  moments(schedule: WhenDocument, options?: MomentOptions): Promise<ScheduleMomentsDocument>
  /** Add an entry, which stays until it is removed. */
  create(schedule: NewScheduleDocument, options?: FleetRequestOptions): Promise<ScheduleDocument>
  /** Change parts of an entry. If its times change, they count from now. */
  change(name: string, change: ScheduleChangeDocument, options?: ScheduleEdit): Promise<ScheduleDocument>
  /** Remove an entry that no code defines. */
  remove(name: string, options?: ScheduleEdit): Promise<void>
  /** Send no run of it until `resume`. Both may be repeated. */
  pause(name: string, options?: FleetRequestOptions): Promise<void>
  resume(name: string, options?: FleetRequestOptions): Promise<void>
  /** Send its task now, apart from its times. Not repeated by itself: after a ConnectionError it may have been sent. */
  run(name: string, options?: FleetRequestOptions): Promise<ScheduledRunDocument>
}

/** The schedule behind a transport. */
export function scheduleClient(transport: Transport): ScheduleClient {
  return {
    list: (options) => askFleet(transport, 'GET', '/schedules', options),
    get: (name, options) => askFleet(transport, 'GET', pathOf(name), options),
    moments: (schedule, options) =>
      askFleet(transport, 'GET', '/moments', { schedule: stringify(schedule), ...options } as FleetRequestOptions),
    create: (schedule, options) => askFleet(transport, 'POST', '/schedules', options, schedule),
    change: async (name, change, options = {}) => {
      const headers = { 'content-type': 'application/json', ...conditionOf(options) }
      return parse(await edit(transport, name, options, { method: 'PATCH', headers, body: stringify(change) })) as never
    },
    remove: async (name, options = {}) => {
      await edit(transport, name, options, { method: 'DELETE', headers: conditionOf(options) })
    },
    pause: (name, options) => askFleet(transport, 'POST', `${pathOf(name)}/pause`, options),
    resume: (name, options) => askFleet(transport, 'POST', `${pathOf(name)}/resume`, options),
    run: (name, options) => askFleet(transport, 'POST', `${pathOf(name)}/run`, options),
  }
}

async function edit(
  transport: Transport,
  name: string,
  { signal }: ScheduleEdit,
  ask: { readonly method: string; readonly headers: Record<string, string>; readonly body?: string },
): Promise<string> {
  const response = await transport.ask(pathOf(name), { ...ask, retries: 0, ...(signal && { signal }) })
  return response.text()
}

function conditionOf({ version }: ScheduleEdit): Record<string, string> {
  return version === undefined ? {} : { 'if-match': `"${version}"` }
}

function pathOf(name: string): string {
  return `/schedules/${encodeURIComponent(name)}`
}
