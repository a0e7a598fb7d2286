import type { ChordPart, OpenChord } from '../backend/chords.ts'
import { type Following, type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { Message } from '../backend/unitOfWork.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import type { Stores, WorkflowRules } from '../calls/stores.ts'
import type { RequestConfig } from '../config/requestOptions.ts'
import { errorInfo } from '../protocol/exception.ts'
import { failedOptions } from '../protocol/failedTask.ts'
import { NOTHING_EMBEDDED, type TaskMessage } from '../protocol/message.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import { ownedOptions } from '../protocol/ownership.ts'
import { type RecordState, unsentRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { idsWithin, type SignatureData, type SkippedOption } from '../protocol/signature.ts'
import { FAILURE, SUCCESS } from '../protocol/states.ts'
import { traceContextOf } from '../protocol/traceContext.ts'
import { CONTEXT_HEADER, type ContextWire } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { isoOf } from '../std/clock.ts'
import { NotSupportedError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { isRecord } from '../std/isRecord.ts'
import { type Origin, ownParts, partsOfLinks, unsentParts } from './chordParts.ts'
import { expand } from './expand.ts'
import type { CanvasApp, Predecessor, SignatureCall } from './prepareSignature.ts'

/** The worker that sends what follows from the end of a task. */
export interface Advancer {
  readonly app: CanvasApp
  readonly hostname: string
  /** The store lists its tasks: each that is sent gets its PENDING record. */
  readonly listed: boolean
  /** The store keeps owner and tags: each task that is sent and has them gets its PENDING record. */
  readonly owned: boolean
  /** The store joins chords. */
  readonly joins: boolean
  /** Throws for a message that its store can never send. */
  check(message: Message): void
}

/** The sender with this name of what follows, by these stores. */
export function advancerOf(app: CanvasApp, hostname: string, { backend, unitOfWork }: Stores): Advancer {
  return {
    app,
    hostname,
    check: (message) => unitOfWork.check?.(message),
    listed: backend.knowsAll && backend.jobs !== undefined,
    owned: backend.jobs !== undefined,
    // The end of a member and its part are written together.
    joins: backend.chords !== undefined && unitOfWork.submitGroup !== undefined,
  }
}

/** The rules of workflows for an app that revokes tasks. `origin`: its name as a sender, for people. */
export function workflowRules(app: CanvasApp, origin: string): WorkflowRules {
  return {
    links: (stores) => linkFollowUp(advancerOf(app, origin, stores)),
    revokeTree: async (...given) => (await import('./revokeTree.ts')).revokeTree(...given),
  }
}

/** The links and the chain of a task, at its end. */
export function linkFollowUp(advancer: Advancer): FollowUp {
  return ({ message, links, headers, meta, now }) => {
    const { status, result, traceback } = meta
    const ending: RecordState = { status, result, traceback }
    if (!message && links) return { ...NOTHING_FOLLOWS, ...endOfLinks(headers, links, ending, advancer, now) }
    if (!message || message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
    if (status === SUCCESS) return afterSuccess(message, result, advancer, now)
    if (status === FAILURE) return afterFailure(message, ending, advancer, now)
    const parts = partsOf(message, ending, advancer)
    return { ...NOTHING_FOLLOWS, also: neverSent(message, ending, advancer, now), parts }
  }
}

/** What the end of a task, and of the rest of its chain, means for the chords that they are members of. */
export function partsOf(
  message: TaskMessage,
  ending: Pick<RecordState, 'status' | 'result'>,
  { app, joins }: Pick<Advancer, 'app' | 'joins'>,
): readonly ChordPart[] {
  const { chord, chain } = message.embed
  if (!joins || (chord === null && chain === null)) return []
  const origin = originOf(message, app)
  // The rest of a chain is never sent where its first task has not succeeded; its last step is the first of the list.
  const unsent = ending.status === SUCCESS ? [] : (chain?.slice(0, 1) ?? [])
  return [...ownParts(message, ending, origin), ...unsentParts(unsent, ending, origin)]
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
    const calls = [...callbackCalls(message, null), ...errbackCalls(message)]
    if (calls.length === 0 && advancer.joins) return undefined
    const { publish, opens = [] } = send(calls, message, advancer, advancer.app.config.clock.now())
    if (!advancer.joins) refuseChords(message, opens)
    for (const one of publish) advancer.check(one)
    return undefined
  } catch (error) {
    // Without a traceback: it would show this file, and not what its sender did.
    const { traceback: _, ...info } = errorInfo(error)
    return info
  }
}

/** The parts of a chord are gathered by a result backend that all workers share. */
function refuseChords({ task, embed: { chord, chain } }: TaskMessage, opens: readonly OpenChord[]): void {
  const isPart = chord !== null || chain?.some(({ options }) => options.chord)
  if (!isPart && opens.length === 0) return
  const what = isPart ? 'is part of a chord' : 'is followed by a chord'
  throw new NotSupportedError(
    `task ${task} ${what}, which needs a result backend that joins its parts: set backend to a sqlite:, postgres: or redis: URL`,
  )
}

/**
 * The callbacks and the next task of the chain, each with the result before its own arguments. Throws as
 * `prepareSignature`.
 */
export function afterSuccess(message: TaskMessage, result: unknown, advancer: Advancer, now: number): Following {
  if (message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
  const parts = partsOf(message, { status: SUCCESS, result }, advancer)
  return { ...send(callbackCalls(message, result), message, advancer, now), parts }
}

/** The errbacks, each with the id before its own arguments; and the rest of the chain ends in the same state. */
export function afterFailure(message: TaskMessage, ending: RecordState, advancer: Advancer, now: number): Following {
  if (message.embed === NOTHING_EMBEDDED) return NOTHING_FOLLOWS
  const following = send(errbackCalls(message, ending), message, advancer, now)
  // An errback of a whole chain is one of each of its steps.
  const sent = new Set(following.children)
  const ends = neverSent(message, ending, advancer, now).filter(({ task_id: id }) => !sent.has(id))
  return { ...following, also: [...following.also, ...ends], parts: partsOf(message, ending, advancer) }
}

/**
 * Records of tasks that were to follow and never will: they notify callers that wait for the end of the chain, or of a
 * callback.
 */
export function neverSent(
  { id, embed, group }: TaskMessage,
  ending: RecordState,
  advancer: Pick<Advancer, 'hostname' | 'joins'>,
  now: number,
): readonly TaskMeta[] {
  if (embed === NOTHING_EMBEDDED) return []
  const { chain, chord, callbacks } = embed
  if (!advancer.joins) return recordsWithin([chain, chord, callbacks], id, ending, advancer, now)
  const body = group === undefined ? chord : null
  return recordsWithin([chain, body, callbacks], id, ending, advancer, now, endsWithChord)
}

/** The same of a message that is refused: none of its links is sent. */
export function refusedRecords(
  { id, embed, group }: TaskMessage,
  ending: RecordState,
  advancer: Pick<Advancer, 'hostname' | 'joins'>,
  now: number,
): readonly TaskMeta[] {
  if (!advancer.joins) return recordsWithin([embed], id, ending, advancer, now)
  const links = group === undefined ? embed : { ...embed, chord: null }
  return recordsWithin([links], id, ending, advancer, now, endsWithChord)
}

/** The same of a message that cannot be decoded, by its headers and links as they were received; and its parts. */
export function endOfLinks(
  headers: Readonly<Record<string, unknown>>,
  links: readonly unknown[],
  ending: RecordState,
  { hostname, joins }: Pick<Advancer, 'hostname' | 'joins'>,
  now: number,
): Required<Pick<Following, 'also' | 'parts'>> {
  const parts = joins ? partsOfLinks(headers, links, ending) : []
  // A body whose chord gets a part ends with the chord.
  const ended = parts.length > 0 ? links.map((one) => (isRecord(one) ? { ...one, chord: null } : one)) : links
  const parent = typeof headers.id === 'string' ? headers.id : ''
  return { also: recordsWithin(ended, parent, ending, { hostname }, now), parts }
}

/** The body of a chord that gets a part ends with the chord, when all its parts are there. */
export function endsWithChord(name: string, options: Readonly<Record<string, unknown>>): boolean {
  return name === 'chord' && typeof options.group_id === 'string'
}

/**
 * The same for values as they were received: no task within them is sent. `isSkipped`: options that are not searched.
 */
export function recordsWithin(
  values: readonly unknown[],
  parent: string,
  ending: RecordState,
  { hostname }: Pick<Advancer, 'hostname'>,
  now: number,
  isSkipped?: SkippedOption,
): readonly TaskMeta[] {
  const done = isoOf(now)
  return [...idsWithin(values, isSkipped)].flatMap(([id, name]) => {
    // Its own record is written beside these.
    if (id === parent) return []
    return [unsentRecord(id, ending, done, { name, worker: hostname, parent_id: parent || null })]
  })
}

/** An id is derived from the position after the task: a task that ends twice sends the same tasks again, not others. */
function callbackCalls({ id, embed: { callbacks, chain }, headers }: TaskMessage, result: unknown): SignatureCall[] {
  const args = [result]
  const flow = ownedOptions(headers)
  const calls = (callbacks ?? []).map((signature, index) => {
    return { signature, args, id: uuidOf(id, 'callback', String(index)), flow }
  })
  const next = chain?.at(-1)
  if (!next) return calls
  return [...calls, { signature: next, args, id: uuidOf(id, 'chain', ''), chain: chain?.slice(0, -1), flow }]
}

function errbackCalls({ id, task, embed: { errbacks }, headers }: TaskMessage, ending?: RecordState): SignatureCall[] {
  if (!errbacks?.length) return []
  const flow = ending && errbackFlow({ id, task }, ending, headers)
  return errbacks.map((signature, index) => {
    return { signature, args: [id], id: uuidOf(id, 'errback', String(index)), flow }
  })
}

/** What each task of an errback gets of the failed task, which has these headers. */
export function errbackFlow(
  failed: Pick<TaskMessage, 'id' | 'task'>,
  ending: RecordState,
  headers: unknown,
): SignatureData['options'] {
  return { headers: { ...ownedOptions(headers)?.headers, ...failedOptions(failed, ending).headers } }
}

/** The task whose children are sent; without an id, they have no parent. */
type Caller = Pick<TaskMessage, 'rootId' | 'replyTo' | 'headers'> & { readonly id: string | undefined }

/** What sends these calls, on behalf of a task. Throws as `expand`. */
export function send(
  calls: readonly SignatureCall[],
  message: Caller,
  advancer: Pick<Advancer, 'app' | 'hostname' | 'listed' | 'owned'>,
  now: number,
): Following {
  if (calls.length === 0) return NOTHING_FOLLOWS
  const { app, hostname } = advancer
  const before: Predecessor = { ...originOf(message, app), origin: hostname }
  const expanded = calls.map((call) => expand(call, before, app, now))
  const sends = expanded.flatMap((one) => one.sends)
  return {
    ...sending(sends, advancer),
    children: sends.map(({ id }) => id),
    opens: expanded.flatMap(({ opens }) => opens),
  }
}

/** The messages of these calls, with their records as the store wants them. */
export function sending(
  sends: readonly Prepared[],
  { listed, owned }: Pick<Advancer, 'listed' | 'owned'>,
): Pick<Following, 'publish' | 'also' | 'metadata'> {
  const kept = sends.flatMap(({ id, submission: { meta, metadata } }) => (meta ? [{ id, meta, metadata }] : []))
  const withOwner = owned ? kept.flatMap(({ id, metadata }) => (metadata ? [[id, metadata] as const] : [])) : []
  const metadata = new Map(withOwner)
  return {
    publish: sends.map(({ submission }) => submission.message),
    also: kept.filter(({ id }) => listed || metadata.has(id)).map(({ meta }) => meta),
    ...(metadata.size > 0 && { metadata }),
  }
}

function originOf({ id, rootId, replyTo, headers }: Caller, app: CanvasApp): Origin {
  return { id, rootId, replyTo, context: contextOf(headers, app.config.request), trace: traceContextOf(headers) }
}

/** The request context is passed on to what follows; one that cannot be read ends here. */
function contextOf(headers: TaskMessage['headers'], config: RequestConfig): ContextWire | undefined {
  const header = headers[CONTEXT_HEADER]
  const read = header === undefined ? undefined : readContext(header, config)
  return read && 'carried' in read ? read.carried.wire : undefined
}
