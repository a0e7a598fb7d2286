import { assertEncodable } from '../protocol/encoding.ts'
import { customEventFields } from '../protocol/event.ts'
import { type FailedTask, failedTaskIn } from '../protocol/failedTask.ts'
import type { Job, Report } from '../protocol/job.ts'
import { type SignatureData, type SignatureLike, signatureOf } from '../protocol/signature.ts'
import { isFinal, PENDING, PROGRESS, RECEIVED, RETRY, SNOOZED, STARTED, UNKNOWN, WAITING } from '../protocol/states.ts'
import type { ContextSource, RequestContext } from '../request/requestContext.ts'
import type { Clock } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import {
  ArgumentError,
  CeleriacError,
  leaseLost,
  NotSupportedError,
  Retry,
  Snooze,
  SoftTimeLimitExceeded,
  TaskRevokedError,
} from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { nextTurn } from '../std/pause.ts'
import { validate } from '../std/schema.ts'
import type { StopSignal } from '../std/stopSignal.ts'
import type { BatchSeat } from './batch/batchItem.ts'
import type { Parent } from './current.ts'
import type { TaskDefinition } from './definition.ts'
import { ExposedLog } from './jobLog.ts'
import type { Completing, JobServices } from './jobServices.ts'
import { JobMessage } from './messageInfo.ts'
import { type Emit, OutputBuffer } from './outputBuffer.ts'
import type { Resource } from './resource.ts'
import type { Resources } from './resources.ts'
import type { WaitForOptions } from './waitTypes.ts'

/** Who runs a job: a pool, the eager mode, a direct call. */
export interface JobHost {
  /** Asks the task to stop; its reason is an AbortReason. */
  readonly signal: StopSignal
  report(report: Report): void
  /** Sends an event of the task; absent where there is no worker. */
  sendEvent?(type: string, fields: Readonly<Record<string, unknown>>): void
  /** Takes what the task emits; absent where no store keeps it. */
  readonly emit?: Emit | undefined
  readonly log: Logger
  /**
   * The task begins to wait for another one: its slot is lent until the returned function is called. Undefined where it
   * cannot be.
   */
  lend?(): (() => void) | undefined
  /** Absent where no message is settled: in a direct call, and in the eager mode. */
  completing?(): Promise<Completing>
  /** Of a job that one run takes together with others. */
  readonly seat?: BatchSeat | undefined
}

/** How a job's values are stored. */
type Serializer = 'json' | 'msgpack'

/** Progress reports closer than this are merged into the next one, ms. */
const MIN_PROGRESS_INTERVAL_MS = 100
/** A task that awaits its reports lets other work run at least this often, ms. */
const MAX_BUSY_MS = 10
/** States that the program itself sets. */
const RESERVED_STATES: ReadonlySet<string> = new Set([PENDING, RECEIVED, STARTED, RETRY, SNOOZED, UNKNOWN])

/** What a job is run in. */
export interface Surroundings {
  /** What its reports must pass. */
  readonly serializer: Serializer
  /** The app's. */
  readonly clock: Clock
  /** The request that it belongs to. */
  readonly source: ContextSource | undefined
  /** The app's own address. */
  readonly baseUrl: string | undefined
  /** Where the ids of what it sends are kept. Default: a list of its own. */
  readonly children?: string[] | undefined
  /** Those of its app, in this thread. */
  readonly resources: Resources
  /** Absent for a task that was not sent. */
  readonly services?: JobServices | undefined
}

/** The context of one running job. */
export class JobContext extends JobMessage implements Parent {
  readonly children: string[]
  readonly source: ContextSource | undefined
  readonly baseUrl: string | undefined
  readonly #definition: TaskDefinition
  readonly #host: JobHost
  readonly #serializer: Serializer
  readonly #clock: Clock
  readonly #resources: Resources
  readonly #services: JobServices | undefined
  #added = 0
  /** Its end is written, in a transaction of the caller: it reports nothing more. */
  #completed = false
  #abort: AbortController | undefined
  #log: Logger | undefined
  #output: OutputBuffer | undefined
  #ended = false
  #folded: Report | undefined
  #foldTimer: NodeJS.Timeout | undefined
  #reportedAt = 0
  #turnAt = performance.now()

  constructor(job: Job, definition: TaskDefinition, host: JobHost, surroundings: Surroundings) {
    super(job, definition.options)
    this.children = surroundings.children ?? []
    this.source = surroundings.source
    this.baseUrl = surroundings.baseUrl
    this.#serializer = surroundings.serializer
    this.#clock = surroundings.clock
    this.#resources = surroundings.resources
    this.#services = surroundings.services
    this.#definition = definition
    this.#host = host
  }

  get id(): string {
    return this.job.id
  }
  get task(): string {
    return this.job.task
  }
  get attempt(): number {
    return this.job.retries + this.job.lost + 1
  }
  get queue(): string {
    return this.job.queue
  }
  get headers(): Readonly<Record<string, unknown>> {
    return this.job.headers
  }
  get parentId(): string | undefined {
    return this.job.parentId
  }
  get rootId(): string {
    return this.job.rootId
  }
  get failed(): FailedTask | undefined {
    return failedTaskIn(this.job.headers)
  }
  get hostname(): string {
    return this.job.hostname
  }
  get redelivered(): boolean {
    return this.job.redelivered
  }

  /** As of its host. */
  get seat(): BatchSeat | undefined {
    return this.#host.seat
  }

  get request(): RequestContext | undefined {
    return this.source?.carried.view
  }

  get log(): Logger {
    this.#log ??= this.#makeLog()
    return this.#log
  }

  /** Made when first asked for: most tasks never look at it. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController()
      const { signal } = this.#host
      const forward = (): void => abort.abort(abortError(signal.reason, this.id))
      if (signal.aborted) forward()
      else signal.addEventListener('abort', forward, { once: true })
      this.#abort = abort
    }
    return this.#abort.signal
  }

  lend(): (() => void) | undefined {
    return this.#ended ? undefined : this.#host.lend?.()
  }

  get<Value>(resource: Resource<Value>): Promise<Value> {
    return this.#resources.get(resource)
  }

  async progress(value: unknown): Promise<void> {
    const { progress } = this.#definition
    const meta = progress ? await validate(progress, value, `task ${this.task}: progress`) : value
    assertEncodable(meta, 'progress', this.#serializer)
    this.#fold({ state: PROGRESS, meta })
    await this.#turn()
  }

  chunk(value: unknown): Promise<void> {
    if (this.#ended || this.#completed) return Promise.resolve()
    const output = this.#open()
    output.send('chunk', this.#checked(value))
    const done = this.#paced(output)
    // Who does not await it is not to die of an abort, either.
    done.catch(() => undefined)
    return done
  }

  async waitFor<Value = unknown>(name: string, options: WaitForOptions): Promise<Value> {
    if (!this.#services)
      throw new NotSupportedError(
        `waitFor: task ${this.task} was called directly, so it has no job that can be answered`,
      )
    const wait = await this.#services.openWait(this.id, name, options)
    if (!(await wait.ended())) {
      this.#send({ state: WAITING, meta: { wait: name }, until: wait.until })
      await options.notify?.(wait.token)
    }
    const answer = await wait.answer(this.signal)
    this.#send({ state: STARTED, meta: null })
    return answer as Value
  }

  async updateState(state: string, meta: unknown = null): Promise<void> {
    if (typeof state !== 'string' || state === '' || isFinal(state) || RESERVED_STATES.has(state)) {
      throw new ArgumentError(`updateState: expected a state of the task's own, got ${JSON.stringify(state)}`)
    }
    assertEncodable(meta, 'meta', this.#serializer)
    this.#send({ state, meta })
    await this.#turn()
  }

  sendEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const sent = customEventFields(type, fields)
    if (!this.#ended) this.#host.sendEvent?.(type, sent)
  }

  retry(options: { countdown?: Duration | undefined; cause?: unknown } = {}): never {
    throw askedRetry(options)
  }

  snooze(time: Duration): never {
    throw new Snooze(Math.round(milliseconds(time, 'snooze')))
  }

  async addToChord(signature: SignatureLike): Promise<string> {
    const data = dataOf(signature, 'addToChord')
    if (!this.#services)
      throw new NotSupportedError(`addToChord: task ${this.task} was called directly, so it is no member of a chord`)
    this.#added += 1
    return this.#services.addToChord(this.job, data, this.#added)
  }

  async completeWithin(client: object, result: unknown): Promise<void> {
    if (this.seat)
      throw new NotSupportedError(
        `completeWithin: task ${this.task} runs in batches, whose jobs end by what it returns`,
      )
    const { output } = this.#definition
    const checked = output ? await validate(output, result, `task ${this.task}: result`) : result
    assertEncodable(checked, 'result', this.#serializer)
    const { job } = this
    if (!this.#services || job.eager) return
    const host = this.#host
    if (!host.completing)
      throw new NotSupportedError(`completeWithin: the pool in which task ${this.task} runs has no way to it`)
    // From here on: a report would wait for the transaction.
    this.#completed = true
    try {
      await this.#services.completeWithin(client, host.completing.bind(host), checked, [...this.children])
    } catch (error) {
      this.#completed = false
      throw error
    }
  }

  replace(workflow: SignatureLike): never {
    const data = dataOf(workflow, 'replace')
    if (data.options.task_id !== undefined)
      throw new ArgumentError(`task ${this.task}: replace: expected no taskId, got one: it has the id of the task`)
    // As JSON: a workflow is sent in messages, whatever the serializer of results is.
    assertEncodable(data, 'replace', 'json')
    throw new Replacement(data)
  }

  /** The task ended: what was folded is not worth sending any more. */
  end(): void {
    clearTimeout(this.#foldTimer)
    this.#folded = undefined
    this.#ended = true
  }

  #makeLog(): Logger {
    const log = this.#host.log.child({ task: this.task, id: this.id })
    const level = this.#definition.options.exposeLogs
    if (!level || !this.#host.emit) return log
    return new ExposedLog(log, { output: this.#open(), clock: this.#clock, level, left: 0 })
  }

  /** Made when first needed, as the signal. */
  #open(): OutputBuffer {
    this.#output ??= new OutputBuffer(this.#host.emit, this.#serializer, this.attempt)
    return this.#output
  }

  #checked(value: unknown): unknown {
    const { chunk } = this.#definition
    const checked = chunk ? validate(chunk, value, `task ${this.task}: chunk`) : value
    if (!(checked instanceof Promise)) return checked
    checked.catch(() => undefined)
    throw new ArgumentError(
      `task ${this.task}: chunk: expected a schema that checks at once, got one that is asynchronous`,
    )
  }

  async #paced(output: OutputBuffer): Promise<void> {
    for (let room = output.room(this.#host.signal); room; room = output.room(this.#host.signal)) await room
    await this.#turn()
  }

  #fold(report: Report): void {
    const wait = this.#reportedAt + MIN_PROGRESS_INTERVAL_MS - performance.now()
    if (wait <= 0) {
      this.#send(report)
      return
    }
    if (!this.#folded) this.#foldTimer = setTimeout(() => this.#folded && this.#send(this.#folded), wait)
    this.#folded = report
  }

  #send(report: Report): void {
    clearTimeout(this.#foldTimer)
    this.#folded = undefined
    this.#reportedAt = performance.now()
    if (!this.#completed) this.#host.report(report)
  }

  /** Gives timers and messages their turn (a revoke can then arrive), and ends a task that is to stop. */
  async #turn(): Promise<void> {
    const now = performance.now()
    if (now - this.#turnAt >= MAX_BUSY_MS) {
      this.#turnAt = now
      await nextTurn()
    }
    if (this.#host.signal.aborted) throw abortError(this.#host.signal.reason, this.id)
  }
}

/** What asks for another run, as `TaskContext.retry`. Throws ArgumentError for what is no duration. */
export function askedRetry({ countdown, cause }: { countdown?: Duration | undefined; cause?: unknown }): Retry {
  const delay = countdown === undefined ? undefined : milliseconds(countdown, 'retry: countdown')
  return new Retry('retry', delay, cause === undefined ? undefined : { cause })
}

function dataOf(signature: SignatureLike, where: string): SignatureData {
  try {
    return signatureOf(signature, where)
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error })
  }
}

/** The error that stands for an AbortReason inside a task. */
export function abortError(reason: unknown, id: string): Error {
  if (reason === 'soft time limit') return new SoftTimeLimitExceeded()
  if (reason === 'revoke') return new TaskRevokedError(id, 'revoked')
  if (reason === 'lease lost') return leaseLost()
  return new CeleriacError('SHUTDOWN', 'the worker shuts down')
}

/** Ends the run of a task that a workflow replaces: what `ctx.replace` throws. */
export class Replacement extends Error {
  readonly workflow: SignatureData

  constructor(workflow: SignatureData) {
    super('this task is replaced by a workflow')
    this.workflow = workflow
  }
}
