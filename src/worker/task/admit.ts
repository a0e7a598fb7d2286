import type { Ended } from '../../app/afterTask.ts'
import type { Death, NewDeadLetter } from '../../backend/dead/deadLetters.ts'
import { type FollowUp, followingOf } from '../../backend/followUp.ts'
import type { Message, Settlement } from '../../backend/unitOfWork.ts'
import { type Delivery, deadLetterQueue } from '../../broker/broker.ts'
import { positionalDefinition } from '../../calls/task.ts'
import { type Advancer, afterFailure, endOfLinks, linkProblem, partsOf, refusedRecords } from '../../canvas/advance.ts'
import { callFact, DEATHS_HEADER, FIRST_SEEN_HEADER, isOffloaded } from '../../protocol/callHeaders.ts'
import type { DeathReason } from '../../protocol/deadLetterDocument.ts'
import { isTooLate, withOwnDeadline } from '../../protocol/deadline.ts'
import { CODEC_HEADER, type Envelope, type OpenEnvelope } from '../../protocol/envelope.ts'
import { encodeException, errorInfo, revokedError } from '../../protocol/exception.ts'
import { lostRuns } from '../../protocol/lostRuns.ts'
import { decodeTask, linksOf, type TaskMessage } from '../../protocol/message.ts'
import type { ErrorInfo, Outcome } from '../../protocol/outcome.ts'
import { failedRecord, keptFor, type RecordState } from '../../protocol/record.ts'
import { concealedError } from '../../protocol/repr.ts'
import { FAILURE, REVOKED } from '../../protocol/states.ts'
import { isoOf } from '../../std/clock.ts'
import { uuid } from '../../std/id.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { notRegistered } from '../../tasks/runJob.ts'
import { versionOf } from '../../tasks/version.ts'
import type { WorkerEvents } from '../events.ts'
import type { WorkerState } from '../state.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Input, InputContext } from './input.ts'
import { afterLoss, type LossLimits } from './losses.ts'
import { earlyPostponement, unknownPostponement, whyUnknown } from './postponement.ts'
import { Request } from './request.ts'

/** A message that is not run: how it is settled, and what is reported of it. */
export interface Refusal {
  readonly settlement: Settlement
  /** Keeps the message, where it is kept. */
  readonly dead?: Message
  /** For the hooks, where the task is one of this app. */
  readonly ended?: Ended | undefined
  tell(): void
}

/** The worker that writes down how tasks end. */
export interface Finisher extends Advancer {
  /** What follows from the end of a task. */
  readonly followUps: readonly FollowUp[]
  readonly app: Advancer['app'] & { readonly config: Pick<WorkerApp['config'], 'deadLetters'> }
}

export interface Receiver extends Finisher {
  readonly events: Pick<WorkerEvents, 'received' | 'ending' | 'custom'>
  readonly app: Pick<WorkerApp, 'config' | 'tasks' | 'signals' | 'definition'>
  readonly state: Pick<WorkerState, 'isRevoked'>
  readonly lossLimits: LossLimits
  /** Content types that are read. */
  readonly accept: ReadonlySet<string>
  /** Opens messages that a codec has sealed; undefined where there is none. */
  readonly opens: OpenEnvelope | undefined
}

function openedOf(envelope: Envelope, opens: OpenEnvelope | undefined): Envelope {
  if (!opens) return envelope
  const { headers } = envelope
  // Its sealed arguments are in a payload store: what is here says which task it calls.
  return isOffloaded(headers) ? { ...envelope, headers: { ...headers, [CODEC_HEADER]: undefined } } : opens(envelope)
}

/** What a codec has opened may be in the text of an error, and dead letters are not sealed. */
function deathError(error: ErrorInfo, { opens }: Pick<Receiver, 'opens'>): ErrorInfo {
  return concealedError(error, opens && 'all')
}

/**
 * Read a delivery and decide: a request to run, or a refusal with its reason. Never throws, whatever a message holds.
 * `read`: its message, where it was read before.
 */
export function receive(delivery: Delivery, receiver: Receiver, read?: TaskMessage): Request | Refusal {
  let message: TaskMessage
  try {
    message = read ?? decodeTask(openedOf(delivery.envelope, receiver.opens), receiver.accept)
  } catch (error) {
    return refuseUndecodable(delivery, receiver, errorInfo(error))
  }
  try {
    return decide(delivery, message, receiver)
  } catch (error) {
    return refuseUndecodable(delivery, receiver, errorInfo(error))
  }
}

/** Its arguments are in a payload store. */
export function hasInputElsewhere(delivery: Delivery): boolean {
  return isOffloaded(headersOf(delivery))
}

/** Reads them. Never rejects. */
export async function readInput(delivery: Delivery, context: InputContext): Promise<Input> {
  return (await import('./input.ts')).readInput(delivery, context)
}

/** The requests of deliveries that have not begun, without those that would not run. */
export function runnable(deliveries: readonly Delivery[], receiver: Receiver): readonly Request[] {
  return deliveries.map((delivery) => receive(delivery, receiver)).filter((one) => one instanceof Request)
}

function decide(delivery: Delivery, message: TaskMessage, receiver: Receiver): Request | Refusal {
  const { app, hostname, state } = receiver
  const known = app.definition(message.task)
  const definition = known ?? unknownTask(message.task)
  const now = app.config.clock.now()
  const own = withOwnDeadline(message, definition.options.deadline, now)
  const reason = state.isRevoked(message) ? 'revoked' : isExpired(delivery, own, now) ? 'expired' : undefined
  const why = reason === undefined ? whyUnknown(message, known) : undefined
  if (why !== undefined) return unknown(delivery, own, definition, receiver, why)
  const request = new Request(delivery, own, definition, hostname, app.config, earlyPostponement(own, now))
  if (reason) return refuseRevoked(request, reason, receiver, now, known)
  const { lost } = request
  const isGivenUp = lost > 0 && afterLoss({ of: 'worker', losses: lost }, receiver.lossLimits) === 'give up'
  const error = isGivenUp ? tooOftenLost(lost) : linkProblem(message, receiver)
  if (!error) return request
  return {
    ...failedLinked(delivery, receiver, message, error, isGivenUp ? 'lost' : 'refused'),
    ended: neverRan(request, { kind: 'failure', error }),
    tell: () => app.signals.emit('task:failure', { ...request.facts, error, runtime: 0 }),
  }
}

/** Back into its queue, for another worker; when none has come in time, a failure. */
function unknown(
  delivery: Delivery,
  message: TaskMessage,
  definition: TaskDefinition,
  receiver: Receiver,
  reason: string,
): Request | Refusal {
  const { config, signals } = receiver.app
  const waiting = { reason, timeout: config.unknownTaskTimeout, now: config.clock.now() }
  const postponement = unknownPostponement(message, waiting)
  const request = new Request(delivery, message, definition, receiver.hostname, config, postponement)
  if (postponement) return request
  const isNewer = receiver.app.definition(message.task) !== undefined
  const error = notRegistered(isNewer ? `${message.task}: ${reason}` : message.task)
  const facts = isNewer ? { ...request.facts, version: versionOf(message.headers) } : request.facts
  return {
    ...failedLinked(delivery, receiver, message, error, 'unknown'),
    tell: () => signals.emit('task:unknown', facts),
  }
}

/** What is known of a task that is not registered here. */
function unknownTask(name: string): TaskDefinition {
  return positionalDefinition(name, () => undefined)
}

function refuseRevoked(
  request: Request,
  reason: 'revoked' | 'expired',
  receiver: Receiver,
  now: number,
  known: TaskDefinition | undefined,
): Refusal {
  const { delivery, message, facts } = request
  const info = revokedError(reason)
  const error = encodeException(info)
  const full = request.meta(REVOKED, error, null, now)
  const meta = message.ignoreResult ? undefined : full
  const { publish, also, parts } = followingOf(request.endedWith(full, receiver.listed, now), receiver.followUps)
  return {
    settlement: { delivery, meta, publish, also, parts, end: 'ack' },
    ended: known && neverRan(request, { kind: 'stopped', by: 'revoke', terminated: false, error: info }),
    tell: () => receiver.app.signals.emit('task:revoked', { ...facts, reason }),
  }
}

function neverRan({ facts, message }: Request, outcome: Outcome): Ended {
  return { facts, headers: message.headers, outcome, runtime: 0 }
}

function tooOftenLost(lost: number): ErrorInfo {
  return {
    type: 'WorkerLostError',
    message: `the worker that ran it died ${lost} times`,
    module: 'billiard.exceptions',
  }
}

/**
 * By our clock, or by the store's. What does not say when it expires may have had a limit in the store only to come
 * later.
 */
function isExpired({ expired }: Delivery, message: TaskMessage, now: number): boolean {
  return (message.expires !== undefined && expired === true) || isTooLate(message, now)
}

/** FAILURE in its record, and the message kept in the dead-letter queue: a later deploy may know what to do with it. */
function failed(
  delivery: Delivery,
  receiver: Receiver,
  message: { id: string; task?: string; ignoreResult?: boolean; retries?: number },
  error: ErrorInfo,
  reason: DeathReason,
): Required<Pick<Refusal, 'settlement' | 'dead'>> {
  const kept = keptFor(callFact(headersOf(delivery), 'resultExpires'))
  const facts = { name: message.task, queue: delivery.queue, worker: receiver.hostname, ...kept }
  const now = receiver.app.config.clock.now()
  const meta = failedRecord(message.id, error, isoOf(now), facts)
  const death = { reason, died: now, worker: receiver.hostname, of: message }
  const dead = deadLetter(delivery, deathError(error, receiver), death)
  const settlement: Settlement = {
    delivery,
    meta: message.ignoreResult ? undefined : meta,
    publish: [dead],
    end: 'ack',
  }
  const { hostname: origin, listed, followUps } = receiver
  const ended = { meta, headers: headersOf(delivery), queue: delivery.queue, now, origin, listed }
  try {
    const { publish, also } = followingOf(ended, followUps)
    return { settlement: { ...settlement, publish: [dead, ...publish], also }, dead }
  } catch {
    // Headers from outside that ask for what cannot be made: the reason that is stored is the one above.
    return { settlement, dead }
  }
}

/**
 * The same for a message that could be read, with what follows from a failure: errbacks are sent only where all its
 * links can be followed.
 */
function failedLinked(
  delivery: Delivery,
  receiver: Receiver,
  message: TaskMessage,
  error: ErrorInfo,
  reason: DeathReason,
): Required<Pick<Refusal, 'settlement' | 'dead'>> {
  const { settlement, dead } = failed(delivery, receiver, message, error, reason)
  const ending = endingOf(error)
  const now = receiver.app.config.clock.now()
  const { publish = [], also = [] } = settlement
  if (linkProblem(message, receiver)) {
    const waiting = refusedRecords(message, ending, receiver, now)
    return {
      settlement: { ...settlement, also: [...also, ...waiting], parts: partsOf(message, ending, receiver) },
      dead,
    }
  }
  const { parts, opens, metadata, ...next } = afterFailure(message, ending, receiver, now)
  const follows = { also: [...also, ...next.also], publish: [...publish, ...next.publish], metadata, parts, opens }
  return { settlement: { ...settlement, ...follows }, dead }
}

/** Its links end too, as far as they can be read: a caller may wait for one of them. */
function refuseUndecodable(delivery: Delivery, receiver: Receiver, error: ErrorInfo): Refusal {
  const { id, task } = headersOf(delivery)
  const tell = (): void => receiver.app.signals.emit('task:undecodable', { queue: delivery.queue, error })
  const parent = typeof id === 'string' ? id : ''
  // Those of a sealed message are not known.
  const links = linksOf(envelopeOf(delivery), receiver.accept)
  const now = receiver.app.config.clock.now()
  const { also, parts } = endOfLinks(headersOf(delivery), links, endingOf(error), receiver, now)
  if (parent === '') {
    const death = { reason: 'undecodable', died: now, worker: receiver.hostname, of: {} } as const
    const dead = deadLetter(delivery, deathError(error, receiver), death)
    return { settlement: { delivery, publish: [dead], also, parts, end: 'ack' }, dead, tell }
  }
  const { settlement, dead } = failed(
    delivery,
    receiver,
    { id: parent, task: typeof task === 'string' ? task : undefined },
    error,
    'undecodable',
  )
  return { settlement: { ...settlement, also: [...(settlement.also ?? []), ...also], parts }, dead, tell }
}

function endingOf(error: ErrorInfo): RecordState {
  return { status: FAILURE, result: encodeException(error), traceback: null }
}

function headersOf(delivery: Delivery): Readonly<Record<string, unknown>> {
  return envelopeOf(delivery).headers
}

const EMPTY_ENVELOPE: Envelope = {
  headers: {},
  properties: { contentType: 'application/octet-stream', contentEncoding: 'binary' },
  body: '',
}

/** The envelope itself may be unreadable, in a damaged store: the reason is then all that is left. */
function envelopeOf(delivery: Delivery): Envelope {
  try {
    const { headers, properties, body } = delivery.envelope
    return { headers: headers ?? EMPTY_ENVELOPE.headers, properties: properties ?? EMPTY_ENVELOPE.properties, body }
  } catch {
    // Said already: this is asked only after reading the message has failed.
    return EMPTY_ENVELOPE
  }
}

/** What a worker knows of a message that it gives up. */
export interface DeathFacts extends Pick<Death, 'reason' | 'died' | 'worker'> {
  /** Of the message, as far as it can be read. */
  readonly of: { readonly id?: string; readonly task?: string | undefined; readonly retries?: number }
}

/**
 * A dead letter: for the store that keeps these, else a message beside the queue, with why. Put back by hand, it has
 * its time again.
 */
export function deadLetter(delivery: Delivery, { type, message }: ErrorInfo, { of, ...death }: DeathFacts): Message {
  const { properties, body } = envelopeOf(delivery)
  const { [FIRST_SEEN_HEADER]: _, ...own } = headersOf(delivery)
  const error = { type, message: message.slice(0, MAX_REASON) }
  const dead: NewDeadLetter = {
    ...death,
    id: of.id !== undefined && isName(of.id) ? of.id : uuid(death.died),
    task: of.task !== undefined && isName(of.task) ? of.task : undefined,
    retries: of.retries,
    error,
    queue: delivery.queue,
    lost: lostRuns(own, delivery.lost),
    history: deathsIn(own),
    envelope: { headers: own, properties, body },
  }
  const reason = `${type}: ${message}`.slice(0, MAX_REASON)
  const headers = { ...own, 'x-death-reason': reason, 'x-death-queue': delivery.queue }
  return {
    envelope: { headers, properties, body },
    route: { exchange: '', routingKey: deadLetterQueue(delivery.queue) },
    dead,
  }
}

/** Longest reason that is kept, in characters. */
const MAX_REASON = 1000

/** What every store takes as an id and a name; anything may be in a message from outside. */
function isName(text: string): boolean {
  return /^\P{Cc}{1,255}$/u.test(text) && text.isWellFormed()
}

/** Its deaths before; none where the header is not one of ours. */
function deathsIn({ [DEATHS_HEADER]: text }: Readonly<Record<string, unknown>>): readonly Death[] {
  if (typeof text !== 'string') return []
  try {
    const deaths: unknown = JSON.parse(text)
    return Array.isArray(deaths) ? (deaths as readonly Death[]).filter(isDeath).slice(-MAX_HISTORY) : []
  } catch {
    // Not written by us: then nothing is known of them.
    return []
  }
}

/** How many deaths before are kept. */
const MAX_HISTORY = 10

function isDeath(value: Partial<Death> | null): boolean {
  const { reason, died, worker, error } = value ?? {}
  const texts = [reason, worker, error?.type, error?.message]
  return Number.isFinite(died) && texts.every((text) => typeof text === 'string' && text.length <= MAX_REASON)
}
