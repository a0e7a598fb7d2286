import { type DeadLetterClient, deadLetterClient } from './deadLetters.ts'
import type { EventOptions, LiveMessage } from './events.ts'
import { askFleet, type FleetRequestOptions } from './fleet/ask.ts'
import { type AuditOptions, listAudit } from './fleet/audit.ts'
import { callAny } from './fleet/calls.ts'
import { type DoctorClient, doctorClient } from './fleet/doctor.ts'
import { type LiveOptions, live } from './fleet/live.ts'
import { type QueueClient, queueClient } from './fleet/queues.ts'
import { type RecordedClient, recordedClient } from './fleet/recorded.ts'
import { type ScheduleClient, scheduleClient } from './fleet/schedules.ts'
import { type WorkerClient, workerClient } from './fleet/workers.ts'
import { type ForgetOptions, forgetJobs } from './forget.ts'
import { type CancelOptions, JobHandle, type WaitOptions } from './handle.ts'
import { type JobListOptions, listJobs } from './jobs.ts'
import { parse, stringify } from './json.ts'
import { changePause, type LimitOptions, listLimits, type PauseTarget } from './limits.ts'
import { WaitTimeoutError } from './problem.ts'
import { type AnyInput, type CallAnyOptions, idOf, pathOf, post, type SubmitOptions } from './submit.ts'
import { type Ask, type ClientOptions, Transport } from './transport.ts'
import type {
  AuditPageDocument,
  ChunkOf,
  EventResultOf,
  ForgottenJobs,
  InputOf,
  JobDocument,
  JobEvent,
  JobPageDocument,
  KnownTaskListDocument,
  LimitPage,
  MeDocument,
  OutputOf,
  ProgressOf,
  SignatureLike,
  TasksOf,
  WorkflowDocument,
  WorkflowTree,
} from './types.ts'

export type {
  DeadLetterChangeOptions,
  DeadLetterClient,
  DeadLetterFilterOptions,
  DeadLetterListOptions,
  RedriveClientOptions,
} from './deadLetters.ts'
// The face of `celeriac/client`: for browsers and Node, without a line of the server.
export type { EventOptions, FleetEvent, LiveMessage } from './events.ts'
export type { FleetRequestOptions } from './fleet/ask.ts'
export type { AuditOptions } from './fleet/audit.ts'
export type { DoctorClient } from './fleet/doctor.ts'
export type { LiveOptions } from './fleet/live.ts'
export type { PeekOptions, QueueClient } from './fleet/queues.ts'
export type {
  FailureListOptions,
  FleetEventOptions,
  RecordedChangeOptions,
  RecordedClient,
  RecordedFilterOptions,
  RecordedListOptions,
  RetryPageOptions,
  RevokePageOptions,
  StatsOptions,
  WorkflowListOptions,
} from './fleet/recorded.ts'
export type { MomentOptions, ScheduleClient, ScheduleEdit, ScheduleListOptions } from './fleet/schedules.ts'
export type { WorkerClient, WorkerCommands } from './fleet/workers.ts'
export type { ForgetOptions } from './forget.ts'
export { type CancelOptions, type ChangeOptions, JobHandle, type RetryOptions, type WaitOptions } from './handle.ts'
export type { JobListOptions } from './jobs.ts'
export type { LimitOptions, PauseTarget } from './limits.ts'
export { ConnectionError, type ProblemDocument, ProblemError, WaitTimeoutError } from './problem.ts'
export type { AnyInput, CallAnyOptions, SubmitOptions } from './submit.ts'
export type { ClientOptions } from './transport.ts'
export type {
  AbilitiesDocument,
  AuditEntryDocument,
  AuditPageDocument,
  ChunkOf,
  CrontabFieldDocument,
  DeadLetterContentDocument,
  DeadLetterDocument,
  DeadLetterPageDocument,
  DeathDocument,
  DoctorDocument,
  DoctorStoreDocument,
  DoctorWorkerDocument,
  FindingDocument,
  ForgottenJobs,
  InputOf,
  JobDiagnosisDocument,
  JobDocument,
  JobError,
  JobEvent,
  JobLinks,
  JobPageDocument,
  JsonOf,
  KnownTaskDocument,
  KnownTaskListDocument,
  LimitDocument,
  LimitPage,
  LiveSubject,
  LoggedLine,
  MeDocument,
  MissedDocument,
  NewScheduleDocument,
  OnError,
  OutputOf,
  OverlapDocument,
  ProgressOf,
  PurgedQueueDocument,
  QueueDocument,
  QueueListDocument,
  QueueMessageDocument,
  QueueMessagesDocument,
  Received,
  RedrivenDocument,
  RemovedParts,
  RunningTaskDocument,
  ScheduleChangeDocument,
  ScheduleDocument,
  ScheduledRunDocument,
  ScheduleMomentsDocument,
  SchedulePage,
  SignatureLike,
  TasksOf,
  WhenDocument,
  WorkerActionDocument,
  WorkerDocument,
  WorkerListDocument,
  WorkerPoolDocument,
  WorkerQueueDocument,
  WorkerStackDocument,
  WorkflowDocument,
  WorkflowDocumentOptions,
  WorkflowEdge,
  WorkflowNode,
  WorkflowTree,
} from './types.ts'

/** How a workflow is submitted. */
export interface WorkflowSubmitOptions extends Omit<SubmitOptions, 'webhook'> {}

/** How a job is submitted and waited for. */
export interface RunOptions<Progress, Chunk = unknown> extends SubmitOptions {
  /** Longest wait for the result, ms; then WaitTimeoutError, and the job goes on. */
  timeout?: number | undefined
  /** Called with each value that the task reports. */
  onProgress?: ((progress: Progress) => void) | undefined
  /** Called with each part that the task emits; a higher attempt repeats the output from the beginning. */
  onChunk?: ((chunk: Chunk, attempt: number) => void) | undefined
}

type Names<Tasks> = keyof TasksOf<Tasks> & string
type Named<Tasks, Name extends Names<Tasks>> = TasksOf<Tasks>[Name]
type HandleOf<T> = JobHandle<OutputOf<T>, ProgressOf<T>, EventResultOf<T>, ChunkOf<T>>

/** Calls tasks over HTTP. `Tasks`: the type of a module or object with the tasks, as `typeof tasks`. */
export interface Client<Tasks> {
  /** Submit a job. Resolves when the server has stored it. */
  submit<Name extends Names<Tasks>>(
    task: Name,
    input: InputOf<Named<Tasks, Name>>,
    options?: SubmitOptions,
  ): Promise<HandleOf<Named<Tasks, Name>>>
  /** Submit a job and wait for its result. Aborting ends the wait, not the job. */
  run<Name extends Names<Tasks>>(
    task: Name,
    input: InputOf<Named<Tasks, Name>>,
    options?: RunOptions<ProgressOf<Named<Tasks, Name>>, ChunkOf<Named<Tasks, Name>>>,
  ): Promise<OutputOf<Named<Tasks, Name>>>
  /** The handle of a job from its id; `Name` gives it the types of its task. */
  job<Name extends Names<Tasks> = never>(id: string): [Name] extends [never] ? JobHandle : HandleOf<Named<Tasks, Name>>
  /** A page of the jobs that the server keeps, newest first: own ones, for viewers those of all. */
  jobs(options?: JobListOptions): Promise<JobPageDocument>
  /** What happens to a job, until its end. */
  events(id: string, options?: EventOptions): AsyncGenerator<JobEvent, void, void>
  /**
   * Submit a workflow: a document, what `JSON.stringify` makes of a workflow, or anything with such a `toJSON`. The
   * handle is that of its result, and its `cancel` cancels all of the workflow; a group has `{ done, total }` as its
   * progress, and the list of results as its result.
   */
  submitWorkflow(workflow: WorkflowDocument | SignatureLike, options?: WorkflowSubmitOptions): Promise<JobHandle>
  /** The tree of a workflow as it is now, by the id of its result or of its first job. */
  workflow(id: string, options?: { signal?: AbortSignal | undefined }): Promise<WorkflowTree>
  /** Ask that a job does not run, or stops. */
  cancel(id: string, options?: CancelOptions): Promise<JobDocument>
  /**
   * Answer a task that waits (`ctx.waitFor`), by its token. ProblemError where another answer came before, or no task
   * waits any more. Not repeated by itself: after a ConnectionError the answer may have been taken.
   */
  completeWait(token: string, value?: unknown, options?: { signal?: AbortSignal | undefined }): Promise<void>
  /** Remove what is kept of jobs that have ended, as for a person who asks for it. Not repeated by itself. */
  forget(options: ForgetOptions): Promise<ForgottenJobs>
  /** Messages that workers have given up. */
  readonly deadLetters: DeadLetterClient
  /** The queues of a fleet, where the server has `fleet`. */
  readonly queues: QueueClient
  /** Its workers, ours and Celery's. */
  readonly workers: WorkerClient
  /** What is recorded of it: jobs, statistics, failures, events. */
  readonly recorded: RecordedClient
  /** What changes in it, from now on, without an end: messages that say no more than what has changed. */
  live(options: LiveOptions): AsyncGenerator<LiveMessage, void, void>
  /** Who asks, and what it may do. */
  me(options?: FleetRequestOptions): Promise<MeDocument>
  /** Tasks that the server, its workers or its recorder know. For viewers. */
  knownTasks(options?: FleetRequestOptions): Promise<KnownTaskListDocument>
  /** Call any task by its name, with Celery's arguments. For admins, where the server has `fleet.anyTask`. */
  callAny(task: string, input: AnyInput, options?: CallAnyOptions): Promise<JobHandle>
  /** A page of its audit log. For admins. */
  audit(options?: AuditOptions): Promise<AuditPageDocument>
  /** The entries of the schedule: for servers that show a fleet, by role. */
  readonly schedules: ScheduleClient
  /** What is wrong with the installation; or, with the id of a job, why it does not run. For viewers. */
  readonly doctor: DoctorClient
  /**
   * Limits that are in use, paused or held back. For viewers, and the next two for operators, where the server has
   * `authorize`; without roles for admins.
   */
  limits(options?: LimitOptions): Promise<LimitPage>
  /** Begin nothing more of it, on all workers, until `resume`. */
  pause(target: PauseTarget): Promise<void>
  /** The end of a pause. */
  resume(target: PauseTarget): Promise<void>
}

/** s that the first request of `run` waits, so that a quick task takes one request. */
const FIRST_WAIT_S = 10

/**
 * A client of the API at this URL: where it is mounted, without `/v1`; in a browser also a path, as `/`. Throws
 * TypeError for options that cannot be. `import type * as tasks from './tasks.ts'`, then `createClient<typeof
 * tasks>(url)`.
 */
export function createClient<Tasks>(url: string, options: ClientOptions = {}): Client<Tasks> {
  const transport = new Transport(url, options)
  const job = (id: string): JobHandle => new JobHandle(id, transport)
  const client = {
    job,
    jobs: (listOptions?: JobListOptions) => listJobs(transport, listOptions),
    events: (id: string, eventOptions?: EventOptions) => job(id).events(eventOptions),
    cancel: (id: string, cancelOptions?: CancelOptions) => job(id).cancel(cancelOptions),
    completeWait: (token: string, value: unknown = null, wait: { signal?: AbortSignal | undefined } = {}) =>
      completeWait(transport, token, value, wait.signal),
    submit: async (task: string, input: unknown, submitOptions: SubmitOptions = {}) =>
      job(await idOf(await post(transport, pathOf(task), input, submitOptions))),
    submitWorkflow: async (workflow: unknown, submitOptions: SubmitOptions = {}) =>
      job(await idOf(await post(transport, '/workflows', workflow, submitOptions))),
    workflow: async (id: string, { signal }: { signal?: AbortSignal | undefined } = {}) =>
      (await transport.ask(`/jobs/${encodeURIComponent(id)}/workflow`, { signal })).json(),
    forget: (forgetOptions: ForgetOptions) => forgetJobs(transport, forgetOptions),
    deadLetters: deadLetterClient(transport),
    queues: queueClient(transport),
    workers: workerClient(transport),
    recorded: recordedClient(transport),
    live: (liveOptions: LiveOptions) => live(transport, liveOptions),
    me: (options?: FleetRequestOptions) => askFleet(transport, 'GET', '/me', options),
    knownTasks: (options?: FleetRequestOptions) => askFleet(transport, 'GET', '/tasks', options),
    callAny: (task: string, input: AnyInput, callOptions?: CallAnyOptions) =>
      callAny(transport, task, input, callOptions),
    audit: (auditOptions?: AuditOptions) => listAudit(transport, auditOptions),
    schedules: scheduleClient(transport),
    doctor: doctorClient(transport),
    limits: (limitOptions?: LimitOptions) => listLimits(transport, limitOptions),
    pause: (target: PauseTarget) => changePause(transport, 'PUT', target),
    resume: (target: PauseTarget) => changePause(transport, 'DELETE', target),
    run: (task: string, input: unknown, runOptions: RunOptions<unknown> = {}) =>
      run(transport, task, input, runOptions),
  }
  return client as unknown as Client<Tasks>
}

async function completeWait(
  transport: Transport,
  token: string,
  value: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const ask: Ask = { method: 'POST', headers, body: stringify(value), signal, retries: 0 }
  await transport.ask(`/waits/${encodeURIComponent(token)}`, ask)
}

async function run(
  transport: Transport,
  task: string,
  input: unknown,
  { timeout, onProgress, onChunk, ...options }: RunOptions<unknown>,
): Promise<unknown> {
  const end = timeout === undefined ? undefined : Date.now() + timeout
  const wait = Math.min(FIRST_WAIT_S, Math.floor((timeout ?? Number.POSITIVE_INFINITY) / 1000))
  const listens = onProgress !== undefined || onChunk !== undefined
  const prefer: Record<string, string> = listens || wait < 1 ? {} : { prefer: `wait=${wait}` }
  const job = await handIn(transport, task, input, { ...options, timeout }, prefer)
  // A text may be bytes in base64: only the route of the result shows which.
  const isWhole = typeof job.result !== 'string' && job.resultOmitted === undefined
  if (job.state === 'SUCCESS' && isWhole && !listens) return job.result
  const handle = new JobHandle(job.id, transport)
  const left: WaitOptions = { signal: options.signal, timeout: end && Math.max(0, end - Date.now()) }
  return listens ? follow(handle, { onProgress, onChunk }, left) : handle.result(left)
}

/** The job, as the server answers a request that submits it. The wait for that counts, too. */
async function handIn(
  transport: Transport,
  task: string,
  input: unknown,
  { timeout, signal, ...options }: SubmitOptions & WaitOptions,
  prefer: Readonly<Record<string, string>>,
): Promise<JobDocument> {
  const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout)
  const both = limit && signal ? AbortSignal.any([limit, signal]) : (limit ?? signal)
  try {
    const response = await post(transport, pathOf(task), input, { ...options, signal: both }, prefer)
    return parse(await response.text()) as JobDocument
  } catch (error) {
    if (!limit?.aborted || signal?.aborted) throw error
    throw new WaitTimeoutError(`the server did not say within ${timeout} ms what became of ${task}`, { cause: error })
  }
}

type Listeners = Pick<RunOptions<unknown>, 'onProgress' | 'onChunk'>

/** The result, with progress and parts on the way: the events go on for as long as the wait does. */
async function follow(handle: JobHandle, listeners: Listeners, wait: WaitOptions): Promise<unknown> {
  const stop = new AbortController()
  const signal = wait.signal ? AbortSignal.any([stop.signal, wait.signal]) : stop.signal
  const watching = watch(handle, listeners, signal)
  // Awaited below unless the wait fails first: then that is the error.
  watching.catch(() => undefined)
  try {
    const result = await handle.result(wait)
    await watching
    return result
  } finally {
    stop.abort()
  }
}

async function watch(handle: JobHandle, { onProgress, onChunk }: Listeners, signal: AbortSignal): Promise<void> {
  for await (const event of handle.events({ signal })) {
    if (event.type === 'progress') onProgress?.(event.data)
    else if (event.type === 'chunk') onChunk?.(event.data, event.attempt)
  }
}
