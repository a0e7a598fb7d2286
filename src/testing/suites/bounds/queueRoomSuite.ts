import assert from 'node:assert/strict'
import type { ResultBackend } from '../../../backend/backend.ts'
import type { Submission, UnitOfWork } from '../../../backend/unitOfWork.ts'
import type { Broker } from '../../../broker/broker.ts'
import { BoundedUnitOfWork } from '../../../calls/bounds/boundedUnitOfWork.ts'
import { FullQueueLog } from '../../../calls/bounds/fullQueueLog.ts'
import { dropsOldest, OldestJobs } from '../../../calls/bounds/oldestJobs.ts'
import { RoomCheck } from '../../../calls/bounds/roomCheck.ts'
import type { QueueBound } from '../../../config/queueOptions.ts'
import { encodeException } from '../../../protocol/exception.ts'
import { LIMITS_HEADER, limitsHeader } from '../../../protocol/limits.ts'
import { PENDING, REVOKED, SUCCESS } from '../../../protocol/states.ts'
import type { Clock } from '../../../std/clock.ts'
import { QueueFullError } from '../../../std/errors.ts'
import { createLogger } from '../../../std/log.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../factories.ts'
import { until } from '../../kit.ts'
import type { Reader } from '../../reader.ts'

/** What a case works with. */
export interface RoomPlace {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  /** One reader of queue `q`. */
  read(): Promise<Reader>
}

const CLOCK: Clock = { now: () => Date.now(), after: () => () => undefined }

export type RoomCase = (name: string, body: (place: RoomPlace) => Promise<void>) => void

/** As an app submits whose queues have this bound. */
export function bounded({ broker, backend, unitOfWork }: RoomPlace, bound: QueueBound): UnitOfWork {
  return new BoundedUnitOfWork(unitOfWork, {
    broker,
    backend,
    boundOf: () => bound,
    now: () => Date.now(),
    log: new FullQueueLog(() => createLogger('silent')),
    room: unitOfWork.atomic ? undefined : new RoomCheck(broker, (envelope) => broker.bytes?.of(envelope) ?? 0),
    oldest: dropsOldest(broker) ? new OldestJobs({ broker, backend, unitOfWork }, [], CLOCK) : undefined,
  })
}

function submissionOf(id: string, properties = {}): Submission {
  return { message: { envelope: envelopeOf(id, properties), route: toQueue('q') }, meta: metaOf(id, PENDING) }
}

function isFull(error: unknown): boolean {
  return error instanceof QueueFullError
}

/** What happens to submissions to queues whose length is bounded. */
export function queueRoom(it: RoomCase): void {
  it('a full queue refuses a submission, writes nothing of it, and takes one again when it has room', async (place) => {
    const { backend, broker, read } = place
    const unitOfWork = bounded(place, { messages: 3, onFull: 'reject' })
    for (const id of ['1', '2', '3']) assert.equal(await unitOfWork.submit(submissionOf(id)), true)
    await assert.rejects(
      () => unitOfWork.submit(submissionOf('4')),
      ({ queue, limit, code }: QueueFullError) => queue === 'q' && limit === 3 && code === 'QUEUE_FULL',
    )
    assert.deepEqual([await broker.size('q'), (await backend.load(['4']))[0]], [3, undefined])
    const reader = await read()
    for (const delivery of await reader.take(3)) assert.equal(await delivery.ack(), true)
    await until('it has room again', () => unitOfWork.submit(submissionOf('5')).catch(() => false))
    assert.deepEqual(idsOf([await reader.next()]), ['5'])
  })

  it('of many that come at once as many are taken as have room', async (place) => {
    const unitOfWork = bounded(place, { messages: 20, onFull: 'reject' })
    const ids = Array.from({ length: 50 }, (_, at) => `${at}`)
    const sent = await Promise.allSettled(ids.map((id) => unitOfWork.submit(submissionOf(id))))
    const refused = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    assert.deepEqual([refused.length, refused.every(isFull), await place.broker.size('q')], [30, true, 20])
  })

  it('submissions that belong together find room for all of them, or none is sent', async (place) => {
    const { backend, broker } = place
    const unitOfWork = bounded(place, { messages: 5, onFull: 'reject' })
    const all = (...ids: string[]): Submission[] => ids.map((id) => submissionOf(id))
    if (!unitOfWork.submitMany) return
    assert.deepEqual(await unitOfWork.submitMany(all('1', '2', '3')), [true, true, true])
    await assert.rejects(() => unitOfWork.submitMany?.(all('4', '5', '6')) ?? Promise.resolve(), isFull)
    assert.deepEqual(
      [await broker.size('q'), await backend.load(['4', '5', '6'])],
      [3, [undefined, undefined, undefined]],
    )
    if (unitOfWork.submitGroup) {
      await assert.rejects(() => unitOfWork.submitGroup?.(all('7', '8', '9'), []) ?? Promise.resolve(), isFull)
      assert.equal(await broker.size('q'), 3)
      await unitOfWork.submitGroup(all('7', '8'), [])
      assert.equal(await broker.size('q'), 5)
    }
  })

  unbounded(it)
  dropping(it)
}

function unbounded(it: RoomCase): void {
  it('what is due later, comes back, or is sent by a worker needs no room', async (place) => {
    const { broker, read, unitOfWork: unbounded } = place
    const unitOfWork = bounded(place, { messages: 2, onFull: 'reject' })
    for (const id of ['1', '2']) await unitOfWork.submit(submissionOf(id))
    const later = submissionOf('later')
    const message = { envelope: envelopeOf('later'), route: toQueue('q'), notBefore: Date.now() + 60_000 }
    assert.equal(await unitOfWork.submit({ ...later, message }), true)
    const reader = await read()
    const [first] = await reader.take(2)
    const submit = (id: string) => unitOfWork.submit(submissionOf(id)).catch(() => false)
    for (const id of ['3', '4']) await until('it has room', () => submit(id))
    assert.ok(first)
    await unbounded.settle({ delivery: first, end: 'requeue' })
    await unitOfWork.write({ publish: [{ envelope: envelopeOf('next'), route: toQueue('q') }] })
    await until('both are there', async () => {
      const held = await reader.take(4)
      return held.length === 4
    })
    assert.equal(await broker.size('q'), 0)
  })

  it('a call that was sent before is no new one, however full the queue is', async (place) => {
    const { backend } = place
    const unitOfWork = bounded(place, { messages: 1, onFull: 'reject' })
    const once = { ...submissionOf('1'), once: true }
    assert.deepEqual([await unitOfWork.submit(once), await unitOfWork.submit(once)], [true, false])
    await backend.store(metaOf('1', SUCCESS))
    assert.equal(await unitOfWork.submit(once), false)
    if (!backend.notes) return
    const note = { key: 'a key', value: '2', expires: Date.now() + 60_000, expected: 'another' }
    assert.equal(await unitOfWork.submit({ ...submissionOf('2'), note }), false)
  })

  it('messages that wait for limits count', async (place) => {
    if (!place.broker.limits) return
    const unitOfWork = bounded(place, { messages: 2, onFull: 'reject' })
    const limited = (id: string): Submission => {
      const { headers, ...rest } = envelopeOf(id)
      const header = limitsHeader([{ rule: 'room', key: id, count: 1 }])
      const envelope = { ...rest, headers: { ...headers, [LIMITS_HEADER]: header } }
      return { message: { envelope, route: toQueue('q') }, meta: metaOf(id, PENDING) }
    }
    await unitOfWork.submit(submissionOf('1'))
    await unitOfWork.submit(limited('2'))
    await assert.rejects(() => unitOfWork.submit(limited('3')), isFull)
    await assert.rejects(() => unitOfWork.submit(submissionOf('4')), isFull)
  })
}

function dropping(it: RoomCase): void {
  it('drop-oldest: the oldest is revoked for each that finds no room', async (place) => {
    const { backend, broker, read } = place
    if (!dropsOldest(broker)) return
    const unitOfWork = bounded(place, { messages: 3, onFull: 'drop-oldest' })
    const ids = ['1', '2', '3', '4', '5']
    for (const id of ids) assert.equal(await unitOfWork.submit(submissionOf(id)), true)
    const states = (await backend.load(ids)).map((meta) => meta?.status)
    assert.deepEqual(states, [REVOKED, REVOKED, PENDING, PENDING, PENDING])
    const [dropped] = await backend.load(['1'])
    assert.match(JSON.stringify(dropped?.result), /dropped: its queue was full/)
    const message = 'dropped: its queue was full'
    assert.deepEqual(
      dropped?.result,
      encodeException({ type: 'TaskRevokedError', message, module: 'celery.exceptions' }),
    )
    assert.deepEqual(idsOf(await (await read()).take(3)), ['3', '4', '5'])
  })

  it('drop-oldest: many at once', async (place) => {
    const { backend, broker } = place
    if (!dropsOldest(broker)) return
    const unitOfWork = bounded(place, { messages: 10, onFull: 'drop-oldest' })
    const ids = Array.from({ length: 60 }, (_, at) => `${at}`)
    await Promise.all(ids.map((id) => unitOfWork.submit(submissionOf(id))))
    const waiting = await broker.size('q')
    const states = (await backend.load(ids)).map((meta) => meta?.status)
    const pending = states.filter((state) => state === PENDING).length
    const revoked = states.filter((state) => state === REVOKED).length
    assert.deepEqual([pending, revoked], [waiting, ids.length - waiting], 'each one waits, or has its end')
    assert.ok(waiting <= 10, `${waiting} wait`)
  })
}
