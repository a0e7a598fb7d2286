import { followingOf } from '../../backend/followUp.ts'
import type { Message, Settlement } from '../../backend/unitOfWork.ts'
import { neverSent, partsOf } from '../../canvas/advance.ts'
import { replacementOf } from '../../canvas/replace.ts'
import { callHeaders } from '../../protocol/callHeaders.ts'
import type { DeathReason } from '../../protocol/deadLetterDocument.ts'
import { deadlineOf } from '../../protocol/deadline.ts'
import { encodeException, errorInfo, rejectedError, revokedError } from '../../protocol/exception.ts'
import { pythonIso } from '../../protocol/iso.ts'
import { lossHeaders } from '../../protocol/lostRuns.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../protocol/message.ts'
import type { ErrorInfo, Outcome } from '../../protocol/outcome.ts'
import type { RecordState } from '../../protocol/record.ts'
import { concealedError } from '../../protocol/repr.ts'
import { childTuples, type TaskMeta } from '../../protocol/result.ts'
import { CONTENT_TYPES } from '../../protocol/serializer.ts'
import { FAILURE, RETRY, REVOKED, SNOOZED, SUCCESS } from '../../protocol/states.ts'
import { isoOf } from '../../std/clock.ts'
import { deadLetter, type Finisher } from './admit.ts'
import type { Request } from './request.ts'
import type { Ending } from './settler.ts'

/**
 * How an outcome is written down: the record, what is sent again and what follows, and what becomes of the message.
 * Pure: `now`, ms since the epoch, is when the task ended.
 * Throws for a result that cannot be sent to what follows.
 */
export function settlementOf(request: Request, outcome: Outcome, finisher: Finisher, now: number): Settlement {
  return { ...ending(request, outcome, finisher, now), reply: request.reply }
}

/**
 * How a request ends whose outcome the store does not take: as a failure that says why, kept in the dead-letter queue.
 * First with all that follows from a failure, then with its end as a member of a chord, then with nothing that its
 * message names.
 */
export function fallbacksOf(
  request: Request,
  outcome: Outcome,
  reason: unknown,
  finisher: Finisher,
  now: number,
): Ending[] {
  const { delivery, message } = request
  const error = errorInfo(reason)
  const failed: Outcome = { kind: 'failure', error, children: outcome.children }
  const dead = deathOf(request, error, 'refused', now)
  const meta = request.meta(FAILURE, encodeException(error), error.traceback ?? null, now)
  const also = neverSent(message, endingOf(meta), finisher, now)
  const plain: Settlement = { delivery, meta: kept(request, meta, failed), also, end: 'ack', reply: request.reply }
  const full = (): Settlement => withDeadLetter(settlementOf(request, failed, finisher, now), dead)
  if (!finisher.joins || message.embed === NOTHING_EMBEDDED) return [{ settlement: full }, ...lessOf(plain, dead)]
  const member = (): Settlement => ({ ...plain, publish: [dead], parts: partsOf(message, meta, finisher) })
  return [{ settlement: full }, { settlement: member }, ...lessOf(plain, dead)]
}

/** The same of what never ran: its own settlement, with less and less of what its message names. */
export function lessOf(settlement: Settlement, dead: Message | undefined): Ending[] {
  const { delivery } = settlement
  const publish = dead ? [dead] : []
  return [
    { settlement: () => ({ ...settlement, publish }) },
    { settlement: () => ({ ...settlement, publish: [], also: [] }), plain: true },
    { settlement: () => ({ delivery, publish, end: 'ack' }) },
    { settlement: () => ({ delivery, end: 'ack' }) },
  ]
}

function withDeadLetter(settlement: Settlement, dead: Message): Settlement {
  const { publish = [] } = settlement
  return publish.some((message) => message.dead) ? settlement : { ...settlement, publish: [...publish, dead] }
}

function ending(request: Request, outcome: Outcome, finisher: Finisher, now: number): Settlement {
  const { delivery } = request
  switch (outcome.kind) {
    case 'success':
      return success(request, outcome, finisher, now)
    case 'failure':
      return buried(request, outcome, failure(request, outcome.error, outcome, finisher, now), finisher, now)
    case 'retry':
      return retry(request, outcome, now)
    case 'snooze':
      return snooze(request, outcome, now)
    case 'reject':
      if (outcome.lost) return { delivery, publish: [again(request, {}, request.lost + 1)], end: 'ack' }
      if (outcome.requeue && !request.acked) return { delivery, end: 'requeue' }
      return { ...rejected(request, outcome, finisher, now), end: 'drop' }
    case 'ignore':
      return { delivery, end: 'ack' }
    case 'replace': {
      const { publish, also, metadata, opens } = replacementOf(request.message, outcome.workflow, finisher, now)
      return { delivery, publish, also, metadata, opens, end: 'ack' }
    }
    case 'stopped':
      return stopped(request, outcome, finisher, now)
  }
}

function rejected(
  request: Request,
  outcome: Outcome & { kind: 'reject' },
  finisher: Finisher,
  now: number,
): Settlement {
  const error = rejectedError(outcome.reason)
  const end = failure(request, error, outcome, finisher, now)
  return withDeadLetter(end, deathOf(request, error, 'rejected', now))
}

/** A task that is given up leaves its message, as does one that failed where that is wanted. */
function buried(
  request: Request,
  { error, deadLetter: unrun, expected }: Outcome & { kind: 'failure' },
  end: Settlement,
  finisher: Finisher,
  now: number,
): Settlement {
  const { deadLetter: isKept, acksOnFailure } = request.definition.options
  if (unrun) return withDeadLetter(end, deathOf(request, error, unrun, now))
  if (!acksOnFailure) return withDeadLetter(end, deathOf(request, error, 'rejected', now))
  if (expected || !(isKept ?? finisher.app.config.deadLetters.failed)) return end
  return withDeadLetter(end, deathOf(request, error, 'failed', now))
}

/** Its error is read by others than the result. */
function deathOf(request: Request, error: ErrorInfo, reason: DeathReason, now: number): Message {
  const { hostname: worker, message, delivery, facts } = request
  return deadLetter(delivery, concealedError(error, facts.concealed), { reason, died: now, worker, of: message })
}

function success(
  request: Request,
  outcome: Outcome & { kind: 'success' },
  finisher: Finisher,
  now: number,
): Settlement {
  return finalSettlement(request, request.meta(SUCCESS, outcome.result ?? null, null, now), outcome, finisher, now)
}

function failure(request: Request, error: ErrorInfo, outcome: Outcome, finisher: Finisher, now: number): Settlement {
  const meta = request.meta(FAILURE, encodeException(error), error.traceback ?? null, now)
  const settlement = finalSettlement(request, meta, outcome, finisher, now, error)
  return request.definition.options.acksOnFailure ? settlement : { ...settlement, end: 'drop' }
}

/** The final record, and all that follows from it. `error`: why it failed. */
function finalSettlement(
  request: Request,
  meta: TaskMeta,
  outcome: Outcome,
  { followUps, listed }: Finisher,
  now: number,
  error?: ErrorInfo,
): Settlement {
  const { delivery } = request
  const following = followingOf(request.endedWith(meta, listed, now), followUps)
  const { also, metadata, children, parts, opens } = following
  const publish =
    following.deadLetter && error ? [...following.publish, deathOf(request, error, 'failed', now)] : following.publish
  const writes = { publish, also, metadata, parts, opens }
  return { delivery, meta: kept(request, meta, outcome, children), ...writes, end: 'ack' }
}

function retry(request: Request, outcome: Outcome & { kind: 'retry' }, now: number): Settlement {
  const { delivery, message } = request
  const meta = request.meta(RETRY, encodeException(outcome.error), outcome.error.traceback ?? null)
  const notBefore = now + outcome.delay
  const later = { retries: message.retries + 1, eta: pythonIso(new Date(notBefore)) }
  const next = { ...meta, retries: later.retries, date_due: isoOf(notBefore) }
  return {
    delivery,
    meta: kept(request, next, outcome),
    publish: [{ ...again(request, later), notBefore }],
    end: 'ack',
  }
}

/** The same, but no attempt is counted. */
function snooze(request: Request, outcome: Outcome & { kind: 'snooze' }, now: number): Settlement {
  const notBefore = now + outcome.delay
  const until = isoOf(notBefore)
  const meta = { ...request.meta(SNOOZED, { until }), date_due: until }
  const later = { ...again(request, { eta: pythonIso(new Date(notBefore)) }), notBefore }
  return { delivery: request.delivery, meta: kept(request, meta, outcome), publish: [later], end: 'ack' }
}

function stopped(
  request: Request,
  outcome: Outcome & { kind: 'stopped' },
  finisher: Finisher,
  now: number,
): Settlement {
  const { delivery } = request
  // A message that was acknowledged early cannot be requeued: it is lost, but not without trace.
  if (outcome.by === 'shutdown' && !request.acked) return { delivery, end: 'requeue' }
  if (outcome.by !== 'revoke') {
    const end = failure(request, outcome.error, outcome, finisher, now)
    return buried(request, { kind: 'failure', error: outcome.error }, end, finisher, now)
  }
  const reason = outcome.terminated ? 'terminated' : 'revoked'
  const meta = request.meta(REVOKED, encodeException(revokedError(reason)), null, now)
  return finalSettlement(request, meta, outcome, finisher, now)
}

/** The record as it is stored, with all that the task has sent; none where results are ignored. */
function kept(request: Request, meta: TaskMeta, outcome: Outcome, more: readonly string[] = []): TaskMeta | undefined {
  if (request.message.ignoreResult) return undefined
  const { children = [] } = outcome
  if (children.length + more.length === 0) return meta
  return { ...meta, children: childTuples([...children, ...more]) }
}

function endingOf({ status, result, traceback }: TaskMeta): RecordState {
  return { status, result, traceback }
}

/**
 * The same message, not before this moment, to the queue that it came from, with the number of its lost runs, which
 * the store counts from 0 again, and the deadline that this worker gave it. Its body is passed on as it came: arguments
 * may hold what JavaScript does not.
 */
export function laterOf(request: Request, notBefore: number): Message {
  const { envelope, lost } = request.delivery
  if (lost > 0 || deadlineOf(request.message) !== deadlineOf(envelope)) return { ...again(request, {}), notBefore }
  return { envelope, route: { exchange: '', routingKey: request.delivery.queue }, notBefore }
}

/** With these changes. Protocol 1 has all in its body: it becomes protocol 2. */
function again(
  { message, delivery, lost, lostChildren }: Request,
  changes: { readonly retries?: number; readonly eta?: string },
  lostRuns: number = lost,
): Message {
  const { headers, properties, body } = delivery.envelope
  const route = { exchange: '', routingKey: delivery.queue }
  const added = { ...lossHeaders(lostRuns, lostChildren), ...callHeaders({ deadline: deadlineOf(message) }) }
  if (headers.task !== undefined)
    return { envelope: { headers: { ...headers, ...changes, ...added }, properties, body }, route }
  const serializer = properties.contentType === CONTENT_TYPES.msgpack ? 'msgpack' : 'json'
  const own = { ...message.headers, ...added }
  return { envelope: encodeTask({ ...message, ...changes, headers: own }, serializer), route }
}
