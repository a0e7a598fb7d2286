import type { OpenChord } from '../backend/chords.ts'
import type { Following } from '../backend/followUp.ts'
import type { Submission } from '../backend/unitOfWork.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import type { Stores } from '../calls/stores.ts'
import { type Advancer, afterFailure, afterSuccess, recordsWithin } from '../canvas/advance.ts'
import { endPartsOf } from '../canvas/endParts.ts'
import { expand } from '../canvas/expand.ts'
import type { CanvasApp } from '../canvas/prepareSignature.ts'
import type { Part } from '../canvas/signatureEnd.ts'
import { encodeException, errorInfo, rejectedError } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import { decodeTask, type TaskMessage } from '../protocol/message.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { RecordState } from '../protocol/record.ts'
import { ALL_CONTENT_TYPES } from '../protocol/serializer.ts'
import { idsWithin, readSignatures } from '../protocol/signature.ts'
import { FAILURE, SUCCESS } from '../protocol/states.ts'
import { uuidOf } from '../std/id.ts'
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

interface PartEnd {
  readonly part: Part
  readonly id: string
  readonly ending: RecordState
}

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

class EagerRun {
  readonly #host: EagerHost
  readonly #advancer: Advancer
  /** Chords that wait for parts. */
  readonly #chords = new Map<string, { readonly size: number; readonly ends: PartEnd[] }>()

  constructor(host: EagerHost, opens: readonly OpenChord[]) {
    this.#host = host
    this.#advancer = { app: host.app, hostname: host.origin, listed: true, check: () => undefined }
    this.#open(opens)
  }

  /** Run one call, and what follows from it. */
  async one({ queue, submission }: EagerCall): Promise<boolean> {
    const { stores, origin, app } = this.#host
    const { message, ...rest } = submission
    if (!(await stores.unitOfWork.submit(rest))) return false
    const delivered = { queue, redelivered: false, lost: 0, hostname: origin, eager: true }
    const job = jobOfEnvelope(message.envelope, delivered)
    const { clock, logger } = app.config
    const to = { unitOfWork: stores.unitOfWork, emits: stores.backend.events !== undefined, clock }
    const run = (one: Job, at: JobHost): Promise<Outcome> => this.#host.runJob(one, at)
    const { outcome, retries, runtime } = await runEagerly(job, rest.meta, to, run, logger)
    const facts = { id: job.id, task: job.task, queue, retries }
    await this.#host.taskEnded({ facts, headers: job.headers, outcome, runtime })
    await this.#follow(decodeTask(message.envelope, ALL_CONTENT_TYPES), outcome)
    return true
  }

  async #follow(message: TaskMessage, outcome: Outcome): Promise<void> {
    const ending = endingOf(outcome)
    if (!ending) return
    const now = this.#host.app.config.clock.now()
    const follow = ending.status === SUCCESS
    const following = follow
      ? afterSuccess(message, ending.result, this.#advancer, now)
      : afterFailure(message, ending, this.#advancer, now)
    const parts = endPartsOf(message)
    // The body of a chord ends with its chord.
    const bodies = idsWithin(parts.map(({ chord }) => chord))
    await this.#send({ ...following, also: following.also.filter(({ task_id: id }) => !bodies.has(id)) })
    // After a success, what follows in the chain is the part.
    if (follow && message.embed.chain) return
    for (const part of parts) await this.#end({ part, id: message.id, ending }, message)
  }

  async #send({ publish, also, opens = [] }: Following): Promise<void> {
    const { unitOfWork } = this.#host.stores
    this.#open(opens)
    const records = new Map(also.map((meta) => [meta.task_id, meta]))
    const calls = publish.map((message): EagerCall => {
      const id = message.envelope.properties.correlationId as string
      const submission: Submission & { message: typeof message } = { message, meta: records.get(id) }
      records.delete(id)
      return { queue: message.route.routingKey, submission }
    })
    await unitOfWork.write({ also: [...records.values()] })
    for (const call of calls) await this.one(call)
  }

  #open(opens: readonly OpenChord[]): void {
    for (const { group, size } of opens) this.#chords.set(group, { size, ends: [] })
  }

  /** A part of a chord has ended: the last one calls the body. */
  async #end(end: PartEnd, { rootId, replyTo, id }: TaskMessage): Promise<void> {
    const { group_id: group, chord: body } = end.part
    const chord = this.#chords.get(group)
    if (!chord || !body) return
    chord.ends.push(end)
    if (chord.ends.length < chord.size) return
    this.#chords.delete(group)
    const { app, origin } = this.#host
    const now = app.config.clock.now()
    const before = { id, rootId, replyTo, origin }
    const ends = chord.ends.toSorted((one, other) => one.part.group_index - other.part.group_index)
    const failed = ends.find(({ ending }) => ending.status !== SUCCESS)
    const args = [ends.map(({ ending }) => ending.result)]
    const bodyId = uuidOf(group, 'body')
    if (!failed) return this.#send(followingOf(expand({ signature: body, args, id: bodyId }, before, app, now)))
    const ending = chordError(failed)
    const errbacks = readSignatures(body.options.link_error, 'link_error') ?? []
    const own = typeof body.options.task_id === 'string' ? body.options.task_id : bodyId
    const calls = errbacks.map((signature, at) =>
      expand({ signature, args: [own], id: uuidOf(group, 'errback', String(at)) }, before, app, now),
    )
    const sent = new Set(calls.flatMap(({ sends }) => sends.map((one) => one.id)))
    const also = recordsWithin([body], '', ending, this.#advancer, now).filter(({ task_id }) => !sent.has(task_id))
    await this.#send({ publish: [], children: [], also })
    for (const call of calls) await this.#send(followingOf(call))
  }
}

function followingOf({ sends, opens }: ReturnType<typeof expand>): Following {
  return {
    publish: sends.map(({ submission }) => submission.message),
    also: sends.flatMap(({ submission }) => submission.meta ?? []),
    children: [],
    opens,
  }
}

/** Undefined where nothing follows. */
function endingOf(outcome: Outcome): RecordState | undefined {
  switch (outcome.kind) {
    case 'success':
      return { status: SUCCESS, result: outcome.result ?? null, traceback: null }
    case 'ignore':
    case 'retry':
      return undefined
    default: {
      const error = outcome.kind === 'reject' ? rejectedError(outcome.reason) : outcome.error
      return { status: FAILURE, result: encodeException(error), traceback: error.traceback ?? null }
    }
  }
}

/** The end of a body whose header has failed, in Celery's words. */
function chordError({ id, ending }: PartEnd): RecordState {
  const { exc_type, exc_message } = ending.result as { exc_type: string; exc_message: unknown }
  const list = Array.isArray(exc_message) ? exc_message : [exc_message]
  const shown = `${exc_type}(${list.map((one) => JSON.stringify(one)).join(', ')})`
  const error = { ...errorInfo(new Error(`Dependency ${id} raised ${shown}`)), type: 'ChordError' }
  const { traceback: _, ...info } = { ...error, module: 'celery.exceptions' }
  return { status: FAILURE, result: encodeException(info), traceback: null }
}
