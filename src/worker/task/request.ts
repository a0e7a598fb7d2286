import type { TaskFacts } from '../../app/signals.ts'
import type { EndedTask } from '../../backend/followUp.ts'
import type { Reply } from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import type { Config } from '../../config/config.ts'
import { callFact } from '../../protocol/callHeaders.ts'
import { isoTime } from '../../protocol/iso.ts'
import type { AbortReason, Job } from '../../protocol/job.ts'
import { jobOf } from '../../protocol/job.ts'
import { lostChildren, lostRuns } from '../../protocol/lostRuns.ts'
import type { TaskMessage } from '../../protocol/message.ts'
import type { Outcome, StopReason } from '../../protocol/outcome.ts'
import { runRecord } from '../../protocol/record.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { withRequest } from '../../request/lazyRequest.ts'
import { type Clock, isoOf } from '../../std/clock.ts'
import { timeOf } from '../../std/id.ts'
import { Stop, type StopSignal } from '../../std/stopSignal.ts'
import { concealedOf, shownReprs } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { Completing } from '../../tasks/jobServices.ts'
import type { OutputWriter } from './outputWriter.ts'
import type { Postponement } from './postponement.ts'

/** The end of a request in a transaction of its task. */
export interface OwnCompletion extends Completing {
  /**
   * The end of the request, which is `given` where the transaction was rolled back. Waits while that is open: the
   * message is locked. Undefined when the worker ends at once.
   */
  decide(given: Outcome): Promise<Outcome | undefined>
  /** The end that was committed, where another one could not be written; undefined where none was. */
  committed(given: Outcome): Promise<Outcome | undefined>
}

/** One delivery as a task request, from its arrival to its end. */
export class Request {
  readonly delivery: Delivery
  message: TaskMessage
  readonly definition: TaskDefinition
  readonly hostname: string
  readonly facts: TaskFacts
  readonly #abort = new Stop()
  readonly #kill = new Stop()
  /** End its timers. */
  readonly #cancels: (() => void)[] = []
  #startedAt = 0
  #runtime = 0
  /** ms since the epoch */
  #begun: number | undefined
  /** It does not run now: it goes back to its queue. */
  readonly postponement: Postponement | undefined
  /** Acknowledged when it began: its end settles nothing. */
  acked = false
  /** Its end is written, or given up because the worker stops at once. */
  settled = false
  /** Writes what it emits; absent until it emits. */
  output: OutputWriter | undefined
  /** How many of its runs have ended their children: those before, and this one. */
  lostChildren: number
  /** Of a task that completes in a transaction of its own. */
  completion: OwnCompletion | undefined
  /** It does not run any more. */
  isOver = false
  /** Its last state on the way, on its way to the store. */
  stored: Promise<unknown> | undefined

  constructor(
    delivery: Delivery,
    message: TaskMessage,
    definition: TaskDefinition,
    hostname: string,
    config: Pick<Config, 'request' | 'codec'>,
    postponement?: Postponement,
  ) {
    this.postponement = postponement
    this.delivery = delivery
    this.message = message
    this.definition = definition
    this.hostname = hostname
    const { id, task, retries, headers } = message
    this.lostChildren = lostChildren(headers)
    const facts = { id, task, queue: delivery.queue, retries, hostname }
    const what = concealedOf(config, definition)
    this.facts = withRequest(what === undefined ? facts : { ...facts, concealed: what }, headers, config.request)
  }

  get id(): string {
    return this.message.id
  }

  /** Its message as others may see it: the texts of its arguments without what is concealed. */
  get shown(): TaskMessage {
    const { message, definition, facts } = this
    return facts.concealed === undefined ? message : { ...message, ...shownReprs(message, facts.concealed, definition) }
  }

  /** Where the caller waits for results, if it said so. */
  get reply(): Reply | undefined {
    const { replyTo: to, id: correlationId } = this.message
    return to ? { to, correlationId } : undefined
  }

  get signal(): StopSignal {
    return this.#abort
  }

  get killed(): StopSignal {
    return this.#kill
  }

  /** How many of its runs were lost: they ended with their workers, or with their children and without a retry. */
  get lost(): number {
    return lostRuns(this.message.headers, this.delivery.lost)
  }

  /** Another run may have reported what this one reports again. */
  get ranBefore(): boolean {
    return this.delivery.redelivered || this.lostChildren > 0
  }

  get job(): Job {
    const { lost, hostname } = this
    const { queue, redelivered, route, envelope } = this.delivery
    return jobOf(this.message, envelope.properties, { queue, redelivered, lost, hostname, route })
  }

  /** How long it had been due at this moment (ms since the epoch), ms; undefined where its id has no time. */
  waited(now: number): number | undefined {
    const { id, eta } = this.message
    const made = timeOf(id)
    const due = eta === undefined ? made : Math.max(isoTime(eta), made ?? 0)
    return due === undefined ? undefined : Math.max(0, now - due)
  }

  /** Its run, and what follows from it, get these headers; a repeat has those that came. */
  withHeaders(headers: TaskMessage['headers']): void {
    this.message = { ...this.message, headers }
  }

  /** When its run began, ms since the epoch; undefined before. */
  get begun(): number | undefined {
    return this.#begun
  }

  /** How long it ran, ms. */
  get runtime(): number {
    return this.#runtime
  }

  /** `now`: ms since the epoch. */
  begin(now: number): void {
    this.#startedAt = performance.now()
    this.#begun = now
  }

  /** Do something when it has run for this long, ms, by this clock, unless it ended. */
  after(delay: number, clock: Clock, action: () => void): void {
    this.#cancels.push(clock.after(delay, action))
  }

  /** It does not run any more. */
  end(): void {
    this.isOver = true
    this.#runtime = performance.now() - this.#startedAt
    for (const cancel of this.#cancels) cancel()
  }

  /** Ask it to stop. */
  abort(reason: AbortReason): void {
    this.#abort.abort(reason)
  }

  /** End it by force, where its pool can. */
  kill(reason: StopReason): void {
    this.#kill.abort(reason)
  }

  /** Its record in this state. `done`: when it ended, ms since the epoch; absent in a state on the way. */
  meta(status: string, result: unknown, traceback: string | null = null, done?: number): TaskMeta {
    const { message, hostname: worker, lost, definition } = this
    const time = timeOf(message.id)
    // Known to the store where it had the record of the call; our ids contain it too, which spares the store a merge.
    const submitted = time === undefined ? undefined : new Date(time).toISOString()
    const resultExpires = callFact(message.headers, 'resultExpires') ?? definition.options.resultExpires
    const { queue } = this.delivery
    const started = this.#begun === undefined ? undefined : isoOf(this.#begun)
    const run = { message, queue, worker, lost, submitted, started, resultExpires }
    return runRecord(run, { status, result, traceback }, done === undefined ? null : isoOf(done))
  }

  /** It ends with this record at this moment: what decides what follows. */
  endedWith(meta: TaskMeta, listed: boolean, now: number): EndedTask {
    const { message, hostname: origin } = this
    return { meta, headers: message.headers, message, queue: this.delivery.queue, now, origin, listed }
  }
}
