import type { ResultBackend } from '../backend/backend.ts'
import { type EndedTask, type Following, type FollowUp, followingOf } from '../backend/followUp.ts'
import type { Settlement, UnitOfWork } from '../backend/unitOfWork.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import type { PayloadReader } from '../payloads/payloadReader.ts'
import { isOffloaded } from '../protocol/callHeaders.ts'
import { revokeRequest } from '../protocol/control.ts'
import type { Envelope, OpenEnvelope } from '../protocol/envelope.ts'
import { decodeTask, linksOf } from '../protocol/message.ts'
import { revokedRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { ALL_CONTENT_TYPES } from '../protocol/serializer.ts'
import { isFinal } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import { type Clock, isoOf } from '../std/clock.ts'
import { CeleriacError, StoreUnavailableError } from '../std/errors.ts'

/** Records that a purge reads and writes in one step. */
const MAX_RECORDS_PER_WRITE = 200

/**
 * Revoke by id. First the mark: from then on no worker that starts runs it. Then the message is taken out of its queue,
 * if the store can find it there; else the worker that holds it is notified. False when the task had ended already.
 */
export async function revokeTask(
  stores: RevokingStores,
  id: string,
  terminate: boolean,
  followUps: readonly FollowUp[],
  clock: Clock,
): Promise<boolean> {
  const { broker, backend } = stores
  const [known] = await backend.load([id])
  if (known && isFinal(known.status)) return false
  await backend.revoked.add([id], known?.date_due === undefined ? undefined : Date.parse(known.date_due))
  const taken = await takeOut(stores, { id, known }, followUps, clock)
  if (taken !== undefined) return taken
  const { envelope, route } = revokeRequest(id, terminate)
  await broker.publish(envelope, route)
  return true
}

/** The stores in which jobs are ended that never run. */
export interface RevokingStores {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  readonly opens?: OpenEnvelope | undefined
  readonly payloads?: { readonly reader: Pick<PayloadReader, 'envelope'> } | undefined
}

/** A job whose message is taken out of its queue. */
export interface TakenOut {
  readonly id: string
  /** Its record, as far as it is known. */
  readonly known: Partial<TaskMeta> | undefined
  /** Default: `revoked`. */
  readonly reason?: Parameters<typeof revokedRecord>[2]
}

/**
 * Take the message of a task that is revoked out of its queue, and end it. Undefined where the store does not find it
 * there; false when the message was no longer there to be settled.
 */
export async function takeOut(
  stores: RevokingStores,
  job: TakenOut,
  followUps: readonly FollowUp[],
  clock: Clock,
): Promise<boolean | undefined> {
  const delivery = await stores.broker.take?.(job.id, job.known?.queue)
  return delivery && endTaken(stores, delivery, job, followUps, clock)
}

/** End a job whose message is held here. False when it was no longer there to be settled. */
export async function endTaken(
  stores: RevokingStores,
  delivery: Delivery,
  { id, known, reason = 'revoked' }: TakenOut,
  followUps: readonly FollowUp[],
  clock: Clock,
): Promise<boolean> {
  const now = clock.now()
  const record = revokedRecord(id, known, reason, isoOf(now))
  return stores.unitOfWork.settle(await revokedSettlement(delivery, record, stores, followUps, now))
}

/** It never runs: its record, and what follows from its end. */
async function revokedSettlement(
  delivery: Delivery,
  meta: TaskMeta,
  stores: RevokingStores,
  followUps: readonly FollowUp[],
  now: number,
): Promise<Settlement> {
  const { envelope, queue } = delivery
  const { backend } = stores
  const listed = backend.knowsAll && backend.jobs !== undefined
  const content = await contentOf(envelope, stores)
  const ended = { meta, headers: envelope.headers, ...content, queue, now, listed }
  const { publish, also, parts } = followingOf(ended, followUps)
  return { delivery, meta, publish, also, parts, end: 'ack' }
}

/** The message; of one that cannot be decoded, its links. */
async function contentOf(
  envelope: Envelope,
  { opens, payloads }: RevokingStores,
): Promise<Pick<EndedTask, 'message' | 'links'>> {
  try {
    if (!opens) return { message: decodeTask(envelope, ALL_CONTENT_TYPES) }
    // What follows from it is sealed with its arguments, which may be elsewhere.
    const isElsewhere = payloads !== undefined && isOffloaded(envelope.headers)
    const opened = isElsewhere ? await payloads.reader.envelope(envelope) : opens(envelope)
    return { message: decodeTask(opened, ALL_CONTENT_TYPES) }
  } catch (error) {
    if (error instanceof CeleriacError && !(error instanceof StoreUnavailableError))
      return { links: linksOf(envelope, ALL_CONTENT_TYPES) }
    throw error
  }
}

/**
 * Drop the messages that wait in a queue, and record that for their tasks, where the store knows which they were; the
 * chords whose members they were get their parts by `links`, the rule of what follows. Returns how many messages.
 */
export async function purgeQueue(
  stores: RevokingStores,
  queue: string,
  links: FollowUp,
  clock: Clock,
): Promise<number> {
  const { broker, backend, unitOfWork } = stores
  const { count, taskIds, parts } = await broker.purge(queue)
  // In parts: the store serves other clients in between.
  for (const ids of pieces(taskIds, MAX_RECORDS_PER_WRITE)) {
    const known = await backend.load(ids)
    // Without a record the results were ignored: none is made.
    const done = isoOf(clock.now())
    const also = known.flatMap((meta) => (meta ? [revokedRecord(meta.task_id, meta, 'purged', done)] : []))
    await unitOfWork.write({ also })
  }
  for (const some of pieces(parts, MAX_RECORDS_PER_WRITE)) {
    const now = clock.now()
    const ends: Following[] = []
    for (const envelope of some) {
      const { id } = envelope.headers
      if (typeof id !== 'string') continue
      const meta = revokedRecord(id, undefined, 'purged', isoOf(now))
      const content = await contentOf(envelope, stores)
      ends.push(links({ meta, headers: envelope.headers, ...content, queue, now, listed: false }))
    }
    const also = ends.flatMap((end) => end.also)
    await unitOfWork.write({ also, parts: ends.flatMap((end) => end.parts ?? []) })
  }
  return count
}
