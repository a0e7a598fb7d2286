import assert from 'node:assert/strict'
import type { Submission } from '../../../backend/unitOfWork.ts'
import type { Broker, MessageBytes } from '../../../broker/broker.ts'
import { LIMITS_HEADER, limitsHeader } from '../../../protocol/limits.ts'
import { PENDING, REVOKED } from '../../../protocol/states.ts'
import { QueueFullError } from '../../../std/errors.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../factories.ts'
import { until } from '../../kit.ts'
import { bounded, type RoomCase, type RoomPlace } from './queueRoomSuite.ts'

const BODY = 2000
/** What a store adds to the bytes of a message, at most: lists of Redis have free space at their ends. */
const SLACK = 1.3

type SizedPlace = RoomPlace & { readonly bytes: MessageBytes }

function sizedOf(id: string, { body = BODY, headers = {}, notBefore }: Partial<Sized> = {}): Submission {
  const envelope = envelopeOf(id)
  const sized = { ...envelope, headers: { ...envelope.headers, ...headers }, body: JSON.stringify('x'.repeat(body)) }
  const message = { envelope: sized, route: toQueue('q'), ...(notBefore !== undefined && { notBefore }) }
  return { message, meta: metaOf(id, PENDING) }
}

interface Sized {
  readonly body: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly notBefore: number | undefined
}

/** Bytes of one message of this body. */
function sizeOf({ bytes }: { readonly bytes: MessageBytes }, body = BODY): number {
  const { message } = sizedOf('1', { body })
  assert.ok(message)
  return bytes.of(message.envelope)
}

function idsFrom(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${at}`)
}

function isFull(error: unknown): error is QueueFullError {
  return error instanceof QueueFullError && error.option === 'maxQueueBytes'
}

/** What happens to submissions to queues whose bytes are bounded; nothing where the broker does not know these. */
export function queueBytes(it: RoomCase): void {
  const sized: SizedCase = (name, body) =>
    it(name, async (place) => {
      const { bytes } = place.broker
      if (bytes) await body({ ...place, bytes })
    })

  sized('bytes: what waits counts, also for limits; not what is held or due later', async (place) => {
    const { bytes, broker, read, unitOfWork } = place
    const one = sizeOf(place)
    assert.ok(one >= BODY && one < 2 * BODY, `${one} bytes`)
    assert.ok((await bytes.waiting('q')) < BODY)
    await unitOfWork.submit(sizedOf('later', { body: 100_000, notBefore: Date.now() + 60_000 }))
    for (const id of idsFrom(10)) await unitOfWork.submit(sizedOf(id))
    await requireAbout(bytes, 10 * one)
    if (broker.limits) {
      const headers = { [LIMITS_HEADER]: limitsHeader([{ rule: 'room', key: 'a', count: 1 }]) }
      for (const id of ['a', 'b', 'c']) await unitOfWork.submit(sizedOf(id, { headers }))
      await requireAbout(bytes, 13 * one)
    }
    const reader = await read()
    await reader.take(10)
    await until('they do not wait any more', async () => (await bytes.waiting('q')) < 4 * one)
  })

  sized('bytes: a full queue refuses a submission, writes nothing of it, and takes one again', async (place) => {
    const { backend, broker, read } = place
    const limit = 7 * sizeOf(place)
    const unitOfWork = bounded(place, { bytes: limit, onFull: 'reject' })
    const taken: string[] = []
    const full = await fill(idsFrom(20), async (id) => {
      await unitOfWork.submit(sizedOf(id))
      taken.push(id)
    })
    assert.deepEqual([full.queue, full.option, full.limit, full.code], ['q', 'maxQueueBytes', limit, 'QUEUE_FULL'])
    assert.ok(Math.abs(full.count - sizeOf(place)) < 10, `for ${full.count} bytes`)
    assert.ok(taken.length >= 5 && taken.length <= 10, `${taken.length} were taken`)
    assert.deepEqual([await broker.size('q'), (await backend.load([`${taken.length}`]))[0]], [taken.length, undefined])
    const reader = await read()
    for (const delivery of await reader.take(taken.length)) assert.equal(await delivery.ack(), true)
    await until('it has room again', () => unitOfWork.submit(sizedOf('more')).catch(() => false))
    assert.equal(idsOf([await reader.next()])[0], 'more')
  })

  sized('bytes: of many that come at once as many are taken as have room', async (place) => {
    const limit = 20 * sizeOf(place)
    const unitOfWork = bounded(place, { bytes: limit, onFull: 'reject' })
    const sent = await Promise.allSettled(idsFrom(50).map((id) => unitOfWork.submit(sizedOf(id))))
    const refused = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    assert.ok(refused.length >= 30 && refused.every(isFull), `${refused.length} were refused`)
    assert.equal(await place.broker.size('q'), 50 - refused.length)
    const waiting = await place.bytes.waiting('q')
    assert.ok(waiting > limit / 2 && waiting <= limit * SLACK, `${waiting} bytes wait of ${limit}`)
  })

  together(sized)
  dropping(sized)
}

type SizedCase = (name: string, body: (place: SizedPlace) => Promise<void>) => void

function together(sized: SizedCase): void {
  sized('bytes: one that is too large keeps none of those from being sent that come with it', async (place) => {
    const unitOfWork = bounded(place, { bytes: 20 * sizeOf(place), onFull: 'reject' })
    const some = [sizedOf('a'), sizedOf('large', { body: 40 * BODY }), sizedOf('b'), sizedOf('c')]
    const sent = await Promise.allSettled(some.map((one) => unitOfWork.submit(one)))
    assert.deepEqual(
      sent.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
  })

  sized('bytes: submissions that belong together find room for all of them, or none is sent', async (place) => {
    const { broker } = place
    const unitOfWork = bounded(place, { bytes: 10 * sizeOf(place), onFull: 'reject' })
    const all = (count: number, name: string): Submission[] => idsFrom(count).map((at) => sizedOf(`${name}${at}`))
    const { submitMany, submitGroup } = unitOfWork
    if (!submitMany) return
    await submitMany.call(unitOfWork, all(5, 'a'))
    await assert.rejects(() => submitMany.call(unitOfWork, all(6, 'b')), isFull)
    if (submitGroup) await assert.rejects(() => submitGroup.call(unitOfWork, all(6, 'c'), []), isFull)
    assert.equal(await broker.size('q'), 5)
    await assert.rejects(() => submitMany.call(unitOfWork, all(11, 'd')), /\d+ bytes more, .* which never fit/)
  })

  sized('bytes: beside a number of messages, whichever is reached first', async (place) => {
    const unitOfWork = bounded(place, { messages: 3, bytes: 10 * sizeOf(place), onFull: 'reject' })
    await unitOfWork.submit(sizedOf('large', { body: 8 * BODY }))
    await assert.rejects(() => unitOfWork.submit(sizedOf('second', { body: 6 * BODY })), isFull)
    for (const id of ['a', 'b']) await unitOfWork.submit(sizedOf(id, { body: 10 }))
    await assert.rejects(
      () => unitOfWork.submit(sizedOf('c', { body: 10 })),
      ({ option, limit }: QueueFullError) => option === 'maxQueueLength' && limit === 3,
    )
  })
}

function dropping(sized: SizedCase): void {
  sized('bytes: drop-oldest revokes as many as make room, and no message that is too large for that', async (place) => {
    const { backend, broker, bytes } = place
    if (!broker.oldest) return
    const limit = 10 * sizeOf(place)
    const unitOfWork = bounded(place, { bytes: limit, onFull: 'drop-oldest' })
    const ids = idsFrom(30)
    for (const id of ids) assert.equal(await unitOfWork.submit(sizedOf(id)), true)
    const before = await countOf(place, ids)
    assert.ok(before.pending >= 6 && before.pending <= 14, `${before.pending} wait`)
    assert.equal(before.pending + before.revoked, ids.length)
    await unitOfWork.submit(sizedOf('large', { body: 4 * BODY }))
    const { pending } = await countOf(place, ids)
    assert.ok(pending <= before.pending - 2 && pending >= 1, `${pending} wait beside a large one`)
    assert.equal((await backend.load(['29']))[0]?.status, PENDING, 'the newest stay')
    assert.ok((await bytes.waiting('q')) <= limit * SLACK)
    await assert.rejects(() => unitOfWork.submit(sizedOf('never', { body: 16 * BODY })), isFull)
    assert.deepEqual([(await countOf(place, ids)).pending, await broker.size('q')], [pending, pending + 1])
  })
}

async function countOf({ backend }: RoomPlace, ids: readonly string[]): Promise<{ pending: number; revoked: number }> {
  const states = (await backend.load(ids)).map((meta) => meta?.status)
  const count = (state: string): number => states.filter((one) => one === state).length
  return { pending: count(PENDING), revoked: count(REVOKED) }
}

/** The first error. */
async function fill(ids: readonly string[], send: (id: string) => Promise<void>): Promise<QueueFullError> {
  for (const id of ids) {
    try {
      await send(id)
    } catch (error) {
      if (error instanceof QueueFullError) return error
      throw error
    }
  }
  throw new assert.AssertionError({ message: 'none was refused' })
}

async function requireAbout(bytes: Broker['bytes'], wanted: number): Promise<void> {
  const found = await bytes?.waiting('q')
  assert.ok(found !== undefined && found > wanted / SLACK && found < wanted * SLACK, `${found} bytes of ${wanted}`)
}
