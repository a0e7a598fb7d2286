import type {
  AlertRuleDocument,
  FailureDocument,
  FailurePageDocument,
  JobHistoryDocument,
  JobInputDocument,
  RecordedPageDocument,
  RecordedWorkflowPageDocument,
  RetriedDocument,
  RevokedDocument,
  StatsDocument,
} from '../../protocol/recordedDocument.ts'
import { type EventOptions, type FleetEvent, fleetEvents } from '../events.ts'
import { queryOf } from '../query.ts'
import type { Transport } from '../transport.ts'
import { askFleet } from './ask.ts'

/** One value, or several: those that have one of them. */
type Words = string | readonly string[]

/** Which recorded jobs: those that fit all that is named. */
export interface RecordedFilterOptions {
  /** States of the jobs. */
  state?: Words | undefined
  /** Names of their tasks. */
  task?: Words | undefined
  /** Queues that they came from. */
  queue?: Words | undefined
  /** Workers that sent their last events. */
  worker?: Words | undefined
  /** Those of this client; for viewers. */
  owner?: string | undefined
  /** Tag of the jobs. */
  tag?: string | undefined
  /** Id of the first job of a workflow. */
  root?: string | undefined
  /** Of failures that are alike. */
  fingerprint?: string | undefined
  /** First seen since then. */
  since?: Date | undefined
  /** First seen before. */
  until?: Date | undefined
  /** Words in id, name, tags, arguments or error. */
  q?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which recorded jobs are listed. */
export interface RecordedListOptions extends RecordedFilterOptions {
  /** Count the values of states, tasks, queues and workers, too. */
  facets?: boolean | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
}

/** How jobs are submitted again. */
export interface RetryPageOptions {
  /** List them, and submit nothing. */
  dryRun?: boolean | undefined
  /** At most so many in one request. Default, and at most, 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which recorded jobs are changed: those that fit all that is named, at least one of these. */
export interface RecordedChangeOptions extends RecordedFilterOptions {
  /** Ids of the jobs, at most 100. */
  id?: Words | undefined
}

/** How jobs are revoked. */
export interface RevokePageOptions extends RetryPageOptions {
  /** Also end running ones by force, where their pool can. */
  terminate?: boolean | undefined
}

/** Which statistics. */
export interface StatsOptions {
  /** Default: an hour before `to`. */
  from?: Date | undefined
  /** Default: now. */
  to?: Date | undefined
  /** Default: the shortest that gives at most 1500 points. */
  step?: '1s' | '1m' | '1h' | undefined
  /** What a series is of; `all` and `queue` are for viewers. Default `task`. */
  by?: 'all' | 'task' | 'queue' | undefined
  /** Of these tasks alone. */
  task?: Words | undefined
  /** Of these queues alone. */
  queue?: Words | undefined
  /** Of jobs of this client; for viewers. */
  owner?: string | undefined
  /** False: sums alone. Default true. */
  points?: boolean | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which failures are listed. */
export interface FailureListOptions {
  /** Names of their tasks. */
  task?: Words | undefined
  /** Of jobs of this client; for viewers. */
  owner?: string | undefined
  /** Seen since then. */
  since?: Date | undefined
  /** Words in the name of the task, or in the error. */
  q?: string | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which workflows are listed. */
export interface WorkflowListOptions {
  /** Names of the tasks of their root jobs. */
  task?: Words | undefined
  /** Their newest job was first seen since then. */
  since?: Date | undefined
  /** Their newest job was first seen before. */
  until?: Date | undefined
  /** Of jobs of this client; for viewers. */
  owner?: string | undefined
  /** At most so many. Default 20, at most 100. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** Which events of a fleet are read, and until when. */
export interface FleetEventOptions extends EventOptions {
  /** Types, with `*`, as `task-*`. */
  type?: Words | undefined
  /** Of jobs of these tasks alone. */
  task?: Words | undefined
  /** Of jobs of this client; for viewers. */
  owner?: string | undefined
}

/** What is recorded of a fleet, where the server has `fleet`. Retries are not repeated by themselves; they may be. */
export interface RecordedClient {
  /** Jobs as their events describe them, also those of other clients; newest first. */
  jobs(options?: RecordedListOptions): Promise<RecordedPageDocument>
  /** A job with its events. */
  history(id: string, options?: { signal?: AbortSignal | undefined }): Promise<JobHistoryDocument>
  /** What a job was called with, as it is kept; for its owner and admins. ProblemError `input-not-kept`. */
  input(id: string, options?: { signal?: AbortSignal | undefined }): Promise<JobInputDocument>
  /** Submit those that fit, and have failed, once more. */
  retryJobs(options: RecordedChangeOptions & RetryPageOptions): Promise<RetriedDocument>
  /** Revoke those that fit, and have not ended. */
  revokeJobs(options: RecordedChangeOptions & RevokePageOptions): Promise<RevokedDocument>
  stats(options?: StatsOptions): Promise<StatsDocument>
  /** Failures by task and kind of error; the last seen first. */
  failures(options?: FailureListOptions): Promise<FailurePageDocument>
  failure(fingerprint: string, options?: { signal?: AbortSignal | undefined }): Promise<FailureDocument>
  /** Submit the jobs of these failures once more. */
  retryFailure(fingerprint: string, options?: RetryPageOptions & { since?: Date | undefined }): Promise<RetriedDocument>
  /** Jobs that belong together, also those of Python's canvases; those with the newest job first. */
  workflows(options?: WorkflowListOptions): Promise<RecordedWorkflowPageDocument>
  /** What each rule of the alerts finds now, and its alerts. */
  alerts(options?: { signal?: AbortSignal | undefined }): Promise<{ readonly rules: readonly AlertRuleDocument[] }>
  /** What happens from now on, or behind `lastEventId`, without an end. */
  events(options?: FleetEventOptions): AsyncGenerator<FleetEvent, void, void>
}

/** What is recorded of the fleet behind a transport. */
export function recordedClient(transport: Transport): RecordedClient {
  const get = <Answer>(path: string, options: object): Promise<Answer> => askFleet(transport, 'GET', path, options)
  const post = <Answer>(path: string, options: object): Promise<Answer> => askFleet(transport, 'POST', path, options)
  const failurePath = (fingerprint: string): string => `/failures/${encodeURIComponent(fingerprint)}`
  return {
    jobs: (options = {}) => get('/jobs', { recorded: true, ...options }),
    history: (id, options = {}) => get(`/jobs/${encodeURIComponent(id)}/history`, options),
    input: (id, options = {}) => get(`/jobs/${encodeURIComponent(id)}/input`, options),
    retryJobs: (options) => post('/jobs/retry', options),
    revokeJobs: (options) => post('/jobs/revoke', options),
    stats: (options = {}) => get('/stats', options),
    failures: (options = {}) => get('/failures', options),
    failure: (fingerprint, options = {}) => get(failurePath(fingerprint), options),
    retryFailure: (fingerprint, options = {}) => post(`${failurePath(fingerprint)}/retry`, options),
    workflows: (options = {}) => get('/workflows', options),
    alerts: (options = {}) => get('/alerts', options),
    events: ({ lastEventId, signal, ...options } = {}) =>
      fleetEvents(transport, queryOf(options), { lastEventId, signal }),
  }
}
