import type { ChordPart, OpenChord } from '../backend/chords.ts'
import type { Writing } from '../backend/unitOfWork.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import type { Stores } from '../calls/stores.ts'
import { type Advancer, afterFailure, afterSuccess, neverSent } from '../canvas/advance.ts'
import { bodyWriting, failureWriting, Gathered, readChord } from '../canvas/chordEnd.ts'
import type { CanvasApp } from '../canvas/prepareSignature.ts'
import { replacementOf } from '../canvas/replace.ts'
import { encodeException, rejectedError, revokedError } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import { decodeTask, type TaskMessage } from '../protocol/message.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { type RecordState, revokedRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { ALL_CONTENT_TYPES } from '../protocol/serializer.ts'
import { FAILURE, REVOKED, SUCCESS } from '../protocol/states.ts'
import { isoOf } from '../std/clock.ts'
import type { JobHost } from '../tasks/jobContext.ts'
import type { Ended } from './afterTask.ts'
import { jobOfEnvelope, runEagerly } from './eager.ts'

/** Where an eager run takes place. */
export interface EagerHost {
  readonly app: CanvasApp
  readonly stores: Stores
  readonly origin: string
  runJob(job: Job, host: JobHost): Promise<Outcome>
  taskEnded(ended: Ended): Promise<void> | undefined
}

/** A call that is to be run. */
type EagerCall = Pick<Prepared, 'queue' | 'submission'>

/**
 * The eager mode: run calls and all that follows from them in this process, one after the other, in the order in which
 * they are called. Resolves, for each call, to false where its idempotency key, or its note, was there already.
 */
export async function runInOrder(
  calls: readonly EagerCall[],
  opens: readonly OpenChord[],
  host: EagerHost,
): Promise<boolean[]> {
  const run = new EagerRun(host, opens)
  const sent: boolean[] = []
  for (const call of calls) sent.push(await run.one(call))
  return sent
}

/** As `runInOrder`, for one call. */
export async function runAlone(call: EagerCall, host: EagerHost): Promise<boolean> {
  const [sent] = await runInOrder([call], [], host)
  return sent === true
}

class EagerRun {
  readonly #host: EagerHost
  readonly #advancer: Advancer
  /** Chords that wait for parts. */
  readonly #chords = new Map<string, { readonly size: number; readonly parts: ChordPart[] }>()
  /** Groups whose other members are revoked. */
  readonly #cancelled = new Set<string>()

  constructor(host: EagerHost, opens: readonly OpenChord[]) {
    this.#host = host
    this.#advancer = {
      app: host.app,
      hostname: host.origin,
      listed: true,
      owned: true,
      joins: true,
      check: () => undefined,
    }
    this.#open(opens)
  }

  /** Run one call, and what follows from it. */
  async one({ queue, submission }: EagerCall): Promise<boolean> {
    const { stores, origin, app } = this.#host
    const { message, ...rest } = submission
    if (!(await stores.unitOfWork.submit(rest))) return false
    const decoded = decodeTask(message.envelope, ALL_CONTENT_TYPES)
    if (decoded.group !== undefined && this.#cancelled.has(decoded.group)) {
      await this.#revoke(decoded, rest.meta)
      return true
    }
    const delivered = { queue, redelivered: false, lost: 0, hostname: origin, eager: true }
    const job = jobOfEnvelope(message.envelope, delivered)
    const { clock, logger } = app.config
    const to = { unitOfWork: stores.unitOfWork, emits: stores.backend.events !== undefined, clock }
    const run = (one: Job, at: JobHost): Promise<Outcome> => this.#host.runJob(one, at)
    const { outcome, retries, runtime } = await runEagerly(job, rest.meta, to, run, logger)
    const facts = { id: job.id, task: job.task, queue, retries }
    await this.#host.taskEnded({ facts, headers: job.headers, outcome, runtime })
    await this.#follow(decoded, outcome)
    return true
  }

  /** It never runs, nor does what follows it. */
  async #revoke(message: TaskMessage, known: TaskMeta | undefined): Promise<void> {
    const now = this.#host.app.config.clock.now()
    const ending = { status: REVOKED, result: encodeException(revokedError('revoked')), traceback: null }
    const meta = known && revokedRecord(message.id, known, 'revoked', isoOf(now))
    await this.#host.stores.unitOfWork.write({ meta, also: neverSent(message, ending, this.#advancer, now) })
  }

  async #follow(message: TaskMessage, outcome: Outcome): Promise<void> {
    const now = this.#host.app.config.clock.now()
    if (outcome.kind === 'replace') return this.#write(replacementOf(message, outcome.workflow, this.#advancer, now))
    const ending = endingOf(outcome)
    if (!ending) return
    await this.#write(
      ending.status === SUCCESS
        ? afterSuccess(message, ending.result, this.#advancer, now)
        : afterFailure(message, ending, this.#advancer, now),
    )
  }

  async #write({ publish = [], also = [], metadata, opens = [], parts = [] }: Writing): Promise<void> {
    this.#open(opens)
    const records = new Map(also.map((meta) => [meta.task_id, meta]))
    const calls = publish.map((message): EagerCall => {
      const id = message.envelope.properties.correlationId as string
      const meta = records.get(id)
      records.delete(id)
      return { queue: message.route.routingKey, submission: { message, meta, metadata: metadata?.get(id) } }
    })
    await this.#host.stores.unitOfWork.write({ also: [...records.values()] })
    for (const call of calls) await this.one(call)
    for (const part of parts) await this.#join(part)
  }

  #open(opens: readonly OpenChord[]): void {
    for (const { group, size } of opens) this.#chords.set(group, { size, parts: [] })
  }

  /** A member of a header has ended: the last one calls the body. */
  async #join(part: ChordPart): Promise<void> {
    const { group, callback } = part
    const chord = this.#chords.get(group)
    if (!chord) return
    chord.parts.push(part)
    if (chord.parts.length < chord.size && !part.ends) return
    this.#chords.delete(group)
    const parts = chord.parts.toSorted((one, other) => (one.index ?? 0) - (other.index ?? 0))
    const complete = readChord({ group, callback })
    const gathered = new Gathered(complete)
    for (const one of parts) gathered.add(one)
    const { error, results, cancels } = gathered
    if (cancels) this.#cancelled.add(group)
    await this.#write(
      error ? failureWriting(complete, error, this.#advancer) : bodyWriting(complete, results, this.#advancer),
    )
  }
}

/** Undefined where nothing follows. */
function endingOf(outcome: Outcome): RecordState | undefined {
  switch (outcome.kind) {
    case 'success':
      return { status: SUCCESS, result: outcome.result ?? null, traceback: null }
    case 'ignore':
    case 'retry':
    case 'snooze':
    case 'replace':
      return undefined
    default: {
      const error = outcome.kind === 'reject' ? rejectedError(outcome.reason) : outcome.error
      return { status: FAILURE, result: encodeException(error), traceback: error.traceback ?? null }
    }
  }
}
