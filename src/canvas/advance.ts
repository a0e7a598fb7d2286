import { type Following, type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { Message } from '../backend/unitOfWork.ts'
import type { RequestConfig } from '../config/requestOptions.ts'
import { errorInfo } from '../protocol/exception.ts'
import { NOTHING_EMBEDDED, type TaskMessage } from '../protocol/message.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import { type RecordState, unsentRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { idsWithin } from '../protocol/signature.ts'
import { FAILURE, SUCCESS } from '../protocol/states.ts'
import { CONTEXT_HEADER, type ContextWire } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { isoOf } from '../std/clock.ts'
import { NotSupportedError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { expand } from './expand.ts'
import type { CanvasApp, Predecessor, SignatureCall } from './prepareSignature.ts'

/** The worker that sends what follows from the end of a task. */
export interface Advancer {
  readonly app: CanvasApp
  readonly hostname: string
  /** The store lists its tasks: each that is sent gets its PENDING record. */
  readonly listed: boolean
  /** Throws for a message that its store can never send. */
  check(message: Message): void
}

/** The links and the chain of a task, at its end. */
export function linkFollowUp(advancer: Advancer): FollowUp {
  return ({ message, meta, now }) => {
    if (!message || message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
    const { status, result, traceback } = meta
    const ending: RecordState = { status, result, traceback }
    if (status === SUCCESS) return afterSuccess(message, result, advancer, now)
    if (status === FAILURE) return afterFailure(message, ending, advancer, now)
    return { ...NOTHING_FOLLOWS, also: neverSent(message, ending, advancer, now) }
  }
}

/**
 * Why the links of a message could not be followed: checked before it runs, so that no work is done whose links cannot
 * be sent. Only what this worker itself would have to send counts: signatures that are nested deeper are checked by the
 * worker that sends them.
 */
export function linkProblem(message: TaskMessage, advancer: Advancer): ErrorInfo | undefined {
  const { embed } = message
  if (embed === NOTHING_EMBEDDED) return undefined
  try {
    refuseChords(message)
    const calls = [...callbackCalls(message, null), ...errbackCalls(message)]
    const { publish, opens = [] } = send(calls, message, advancer, advancer.app.config.clock.now())
    if (opens.length > 0)
      throw new NotSupportedError(`task ${message.task} is followed by a chord, which is not supported yet`)
    for (const one of publish) advancer.check(one)
    return undefined
  } catch (error) {
    // Without a traceback: it would show this file, and not what its sender did.
    const { traceback: _, ...info } = errorInfo(error)
    return info
  }
}

/** Each part of a chord reports to its end, which this worker cannot do. */
function refuseChords({ task, embed: { chord, chain } }: TaskMessage): void {
  if (chord === null && !chain?.some(({ options }) => options.chord)) return
  throw new NotSupportedError(`task ${task} is part of a chord, which is not supported yet`)
}

/**
 * The callbacks and the next task of the chain, each with the result before its own arguments. Throws as
 * `prepareSignature`.
 */
export function afterSuccess(message: TaskMessage, result: unknown, advancer: Advancer, now: number): Following {
  if (message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
  return send(callbackCalls(message, result), message, advancer, now)
}

/** The errbacks, each with the id before its own arguments; and the rest of the chain ends in the same state. */
export function afterFailure(message: TaskMessage, ending: RecordState, advancer: Advancer, now: number): Following {
  if (message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
  const following = send(errbackCalls(message), message, advancer, now)
  // An errback of a whole chain is one of each of its steps.
  const sent = new Set(following.children)
  const ends = neverSent(message, ending, advancer, now).filter(({ task_id: id }) => !sent.has(id))
  return { ...following, also: [...following.also, ...ends] }
}

/**
 * Records of tasks that were to follow and never will: they notify callers that wait for the end of the chain, or of a
 * callback.
 */
export function neverSent(
  { id, embed }: TaskMessage,
  ending: RecordState,
  advancer: Pick<Advancer, 'hostname'>,
  now: number,
): readonly TaskMeta[] {
  if (embed === NOTHING_EMBEDDED) return []
  const { chain, chord, callbacks } = embed
  return recordsWithin([chain, chord, callbacks], id, ending, advancer, now)
}

/** The same for a message that is refused: no task within these values, its links as they were received, is sent. */
export function recordsWithin(
  values: readonly unknown[],
  parent: string,
  ending: RecordState,
  { hostname }: Pick<Advancer, 'hostname'>,
  now: number,
): readonly TaskMeta[] {
  const done = isoOf(now)
  return [...idsWithin(values)].flatMap(([id, name]) => {
    // Its own record is written beside these.
    if (id === parent) return []
    return [unsentRecord(id, ending, done, { name, worker: hostname, parent_id: parent || null })]
  })
}

/** An id is derived from the position after the task: a task that ends twice sends the same tasks again, not others. */
function callbackCalls({ id, embed: { callbacks, chain } }: TaskMessage, result: unknown): SignatureCall[] {
  const args = [result]
  const calls = (callbacks ?? []).map((signature, index) => {
    return { signature, args, id: uuidOf(id, 'callback', String(index)) }
  })
  const next = chain?.at(-1)
  if (!next) return calls
  return [...calls, { signature: next, args, id: uuidOf(id, 'chain', ''), chain: chain?.slice(0, -1) }]
}

function errbackCalls({ id, embed: { errbacks } }: TaskMessage): SignatureCall[] {
  return (errbacks ?? []).map((signature, index) => {
    return { signature, args: [id], id: uuidOf(id, 'errback', String(index)) }
  })
}

function send(
  calls: readonly SignatureCall[],
  message: TaskMessage,
  { app, hostname, listed }: Advancer,
  now: number,
): Following {
  const { id, rootId, replyTo, headers } = message
  const context = contextOf(headers, app.config.request)
  const before: Predecessor = { id, rootId, replyTo, origin: hostname, context }
  const expanded = calls.map((call) => expand(call, before, app, now))
  const sends = expanded.flatMap((one) => one.sends)
  return {
    publish: sends.map(({ submission }) => submission.message),
    also: listed ? sends.flatMap(({ submission }) => submission.meta ?? []) : [],
    children: sends.map(({ id }) => id),
    opens: expanded.flatMap(({ opens }) => opens),
  }
}

/** The request context is passed on to what follows; one that cannot be read ends here. */
function contextOf(headers: TaskMessage['headers'], config: RequestConfig): ContextWire | undefined {
  const header = headers[CONTEXT_HEADER]
  const read = header === undefined ? undefined : readContext(header, config)
  return read && 'carried' in read ? read.carried.wire : undefined
}
