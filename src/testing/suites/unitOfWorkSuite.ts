import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { Note } from '../../backend/notes.ts'
import type { Message, UnitOfWork } from '../../backend/unitOfWork.ts'
import type { Broker, Delivery } from '../../broker/broker.ts'
import { writeEmission } from '../../protocol/emission.ts'
import { FAILURE, PENDING, RETRY, REVOKED, STARTED, SUCCESS } from '../../protocol/states.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../factories.ts'
import type { Kit } from '../kit.ts'
import { Reader } from '../reader.ts'
import { queueBytes } from './bounds/queueBytesSuite.ts'
import { queueRoom } from './bounds/queueRoomSuite.ts'

/** An empty broker and backend with their unit of work. */
export interface OpenedStores {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  /** Close both and remove their store. */
  close(): Promise<void>
}

interface Place {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  /** One reader of queue `q`, ten at a time. */
  read(): Promise<Reader>
}

type Case = (name: string, body: (place: Place) => Promise<void>) => void

/**
 * What every broker and backend must do together: each case is a sentence of the contract in `backend/unitOfWork.ts`.
 */
export function unitOfWorkSuite(kit: Kit, name: string, open: () => Promise<OpenedStores>): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const { broker, backend, unitOfWork, close } = await open()
      const read: Place['read'] = async () =>
        new Reader(await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' }))
      try {
        await body({ broker, backend, unitOfWork, read })
      } finally {
        await close()
      }
    })
  }
  kit.describe(`broker and backend ${name}`, () => {
    submitting(one)
    remembering(one)
    expecting(one)
    owners(one)
    submittingMany(one)
    settling(one)
    settlingOthers(one)
    writing(one)
    fencing(one)
    queueRoom(one)
    queueBytes(one)
  })
}

function messageOf(id: string, notBefore?: number): Message {
  return { envelope: envelopeOf(id), route: toQueue('q'), notBefore }
}

async function stateOf(backend: ResultBackend, id: string): Promise<string | undefined> {
  return (await backend.load([id]))[0]?.status
}

function submitting(it: Case): void {
  it('submit: the message, and its record', async ({ backend, broker, unitOfWork, read }) => {
    assert.equal(
      await unitOfWork.submit({ message: messageOf('1'), meta: metaOf('1', PENDING, { name: 'task' }) }),
      true,
    )
    assert.equal(await unitOfWork.submit({ message: messageOf('2') }), true)
    assert.deepEqual([await stateOf(backend, '1'), await stateOf(backend, '2')], [PENDING, undefined])
    assert.deepEqual(idsOf(await (await read()).take(2)), ['1', '2'])
    assert.equal(await unitOfWork.submit({ message: messageOf('3', Date.now() + 60_000) }), true)
    assert.equal(await broker.size('q'), 0)
  })

  it('submit once: false when the id is known, and nothing is sent', async ({ backend, broker, unitOfWork }) => {
    const submission = { message: messageOf('1'), meta: metaOf('1', PENDING), once: true }
    const sent = await Promise.all([1, 2, 3, 4].map(() => unitOfWork.submit(submission)))
    assert.deepEqual(sent, [true, false, false, false])
    assert.equal(await broker.size('q'), 1)
    await backend.store(metaOf('1', SUCCESS))
    assert.equal(await unitOfWork.submit(submission), false)
    await backend.forget(['1'])
    assert.equal(await unitOfWork.submit(submission), true)
    assert.equal(await broker.size('q'), 2)
  })

  it('submit without once: sent again, and the record stays', async ({ backend, broker, unitOfWork }) => {
    await backend.store(metaOf('1', SUCCESS))
    assert.equal(await unitOfWork.submit({ message: messageOf('1'), meta: metaOf('1', PENDING) }), true)
    assert.deepEqual([await broker.size('q'), await stateOf(backend, '1')], [1, SUCCESS])
  })
}

function expecting(it: Case): void {
  const note = (value: string, expires = Date.now() + 60_000): Note => ({ key: 'a key', value, expires })

  it('submit with an expected note: in place of the one with this value, and of no other', async (place) => {
    const { backend, broker, unitOfWork } = place
    if (!backend.notes) return
    const submit = (id: string, expected: string | undefined, key = 'a key'): Promise<boolean> =>
      unitOfWork.submit({ message: messageOf(id), meta: metaOf(id, PENDING), note: { ...note(id), key, expected } })
    assert.equal(await submit('0', 'none'), false)
    assert.equal(await submit('1', undefined), true)
    const sent = await Promise.all(['2', '3', '4'].map((id) => submit(id, '1')))
    assert.deepEqual([sent, await backend.notes.get('a key')], [[true, false, false], '2'])
    const mixed = await Promise.all([submit('5', '1'), submit('6', undefined, 'b'), submit('7', '2'), submit('8', '2')])
    assert.deepEqual(mixed, [false, true, true, false])
    assert.deepEqual([await broker.size('q'), await backend.notes.get('a key')], [4, '7'])
    assert.deepEqual(await backend.load(['0', '3', '4', '5', '8']), [
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
}

function remembering(it: Case): void {
  const note = (value: string, expires = Date.now() + 60_000): Note => ({ key: 'a key', value, expires })

  it('submit with a note: the first of its key is sent, no other, until it expires', async (place) => {
    const { backend, broker, unitOfWork } = place
    if (!backend.notes) return
    const submit = (id: string, with_: Note): Promise<boolean> =>
      unitOfWork.submit({ message: messageOf(id), meta: metaOf(id, PENDING), note: with_ })
    const sent = await Promise.all(['1', '2', '3'].map((id) => submit(id, note(id))))
    assert.deepEqual(sent, [true, false, false])
    assert.deepEqual([await broker.size('q'), await backend.notes.get('a key')], [1, '1'])
    assert.deepEqual(await backend.load(['2', '3']), [undefined, undefined])
    assert.equal(await submit('4', { ...note('4'), key: 'another' }), true)
    assert.equal(await submit('5', { ...note('5', Date.now() - 1), key: 'short' }), true)
    assert.equal(await backend.notes.get('short'), undefined)
    assert.equal(await submit('6', { ...note('6'), key: 'short' }), true)
    assert.deepEqual([await broker.size('q'), await backend.notes.get('short')], [4, '6'])
  })

  it('submit with metadata: kept through all later states, read by id, and gone with the record', async (place) => {
    const { backend, unitOfWork } = place
    if (!backend.jobs) return
    const metadata = { owner: 'ann', tags: ['a', 'b'], input: '[[1],{},{}]' }
    await unitOfWork.submit({ message: messageOf('1'), meta: metaOf('1', PENDING), metadata })
    await unitOfWork.submit({
      message: messageOf('2'),
      meta: metaOf('2', PENDING),
      metadata: { input: new Uint8Array([1]) },
    })
    await unitOfWork.submit({ message: messageOf('3'), meta: metaOf('3', PENDING) })
    const reader = await place.read()
    await unitOfWork.settle({ delivery: await reader.next(), meta: metaOf('1', SUCCESS), end: 'ack' })
    const [first, second, ...others] = await backend.jobs.metadata(['1', '2', '3', '4'])
    assert.deepEqual([first?.owner, first?.tags, first?.input], ['ann', ['a', 'b'], '[[1],{},{}]'])
    assert.deepEqual([second?.owner, second?.tags, [...(second?.input ?? [])]], [undefined, undefined, [1]])
    assert.deepEqual(others, [undefined, undefined])
    await backend.forget(['1'])
    assert.deepEqual(await backend.jobs.metadata(['1']), [undefined])
  })
}

function owners(it: Case): void {
  it('metadata of tasks that a settlement or a write sends: kept with their records', async (place) => {
    const { backend, unitOfWork } = place
    if (!backend.jobs) return
    const metadata = new Map([
      ['2', { owner: 'ann' }],
      ['3', { tags: ['a'] }],
    ])
    const { delivery } = await held(place)
    const also = [metaOf('2', PENDING), metaOf('other', PENDING)]
    const publish = [messageOf('2'), messageOf('other')]
    await unitOfWork.settle({ delivery, meta: metaOf('1', SUCCESS), publish, also, metadata, end: 'ack' })
    await unitOfWork.write({ publish: [messageOf('3')], also: [metaOf('3', PENDING)], metadata })
    const read = (ids: readonly string[]) => backend.jobs?.metadata(ids)
    const [two, three, other] = (await read(['2', '3', 'other'])) ?? []
    assert.deepEqual([two?.owner, two?.tags, three?.owner, three?.tags], ['ann', undefined, undefined, ['a']])
    assert.equal(other, undefined)
    const ids = Array.from({ length: 1001 }, (_, at) => `of-${at}`)
    const all = new Map(ids.map((id) => [id, { owner: id }]))
    const records = ids.map((id) => metaOf(id, PENDING))
    await unitOfWork.write({ publish: ids.map((id) => messageOf(id)), also: records, metadata: all })
    assert.deepEqual(
      (await read(ids))?.map((one) => one?.owner),
      ids,
    )
  })
}

function submittingMany(it: Case): void {
  it('submit many at once: each keeps what is its own', async ({ backend, unitOfWork }) => {
    const many = [
      { fields: { name: 'a' }, metadata: { owner: 'ann', tags: ['x'], input: '1' } },
      { fields: { name: 'a' }, metadata: { owner: 'bob', tags: ['y'], input: '2' } },
      { fields: { name: 'a' }, metadata: { input: '3' } },
      { fields: { name: 'a' } },
      { fields: { name: 'a', group_id: 'g' } },
      { fields: { name: 'b' } },
      { fields: { name: 'b', parent_id: 'p' } },
    ]
    const sent = many.map(({ fields, metadata }, index) =>
      unitOfWork.submit({ message: messageOf(`${index}`), meta: metaOf(`${index}`, PENDING, fields), metadata }),
    )
    assert.ok((await Promise.all(sent)).every(Boolean))
    const ids = many.map((_, index) => `${index}`)
    const metas = await backend.load(ids)
    const told = metas.map((meta) => [meta?.task_id, meta?.name, meta?.group_id ?? null, meta?.parent_id ?? null])
    assert.deepEqual(
      told,
      many.map(({ fields: { name, group_id = null, parent_id = null } }, index) => [
        `${index}`,
        name,
        group_id,
        parent_id,
      ]),
    )
    const metadata = await backend.jobs?.metadata(ids)
    const kept = metadata?.map(
      (metadata) => metadata && [metadata.owner, metadata.tags && [...metadata.tags], metadata.input],
    )
    const given = many.map(({ metadata }) => metadata && [metadata.owner, metadata.tags, metadata.input])
    if (kept) assert.deepEqual(kept, given)
  })
}

async function held({ unitOfWork, read }: Place): Promise<{ delivery: Delivery; reader: Reader }> {
  await unitOfWork.submit({ message: messageOf('1'), meta: metaOf('1', PENDING) })
  const reader = await read()
  return { delivery: await reader.next(), reader }
}

function settling(it: Case): void {
  it('settle: the result, what is sent next, and the acknowledgement', async (place) => {
    const { backend, broker, unitOfWork } = place
    const { delivery, reader } = await held(place)
    const publish = [messageOf('2'), messageOf('later', Date.now() + 60_000), messageOf('3')]
    const meta = metaOf('1', SUCCESS, { result: [1, 2] })
    assert.equal(await unitOfWork.settle({ delivery, meta, publish, end: 'ack' }), true)
    assert.deepEqual((await backend.load(['1']))[0]?.result, [1, 2])
    assert.deepEqual(idsOf(await reader.take(2)), ['2', '3'])
    await reader.nothing()
    assert.equal(await broker.size('q'), 0)
  })

  it('settle: a retry leaves the message for another', async (place) => {
    const { backend, unitOfWork } = place
    const { delivery, reader } = await held(place)
    const meta = metaOf('1', RETRY)
    assert.equal(await unitOfWork.settle({ delivery, meta, publish: [messageOf('1')], end: 'ack' }), true)
    const next = await reader.next()
    assert.deepEqual([next.redelivered, await stateOf(backend, '1')], [false, RETRY])
  })

  it('settle: requeue gives the message back', async (place) => {
    const { backend, unitOfWork } = place
    const { delivery, reader } = await held(place)
    assert.equal(await unitOfWork.settle({ delivery, end: 'requeue' }), true)
    const again = await reader.next()
    assert.deepEqual([...idsOf([again]), again.redelivered], ['1', true])
    assert.equal(await stateOf(backend, '1'), PENDING)
  })

  it('settle: drop forgets it, with or without a record', async (place) => {
    const { backend, broker, unitOfWork } = place
    const { delivery, reader } = await held(place)
    assert.equal(await unitOfWork.settle({ delivery, meta: metaOf('1', REVOKED), end: 'drop' }), true)
    await reader.nothing()
    assert.deepEqual([await broker.size('q'), await stateOf(backend, '1')], [0, REVOKED])
  })

  it('settle: a success that was stored stays, and the message goes', async (place) => {
    const { backend, broker, unitOfWork } = place
    const { delivery } = await held(place)
    await backend.store(metaOf('1', SUCCESS, { result: 'first' }))
    assert.equal(
      await unitOfWork.settle({ delivery, meta: metaOf('1', SUCCESS, { result: 'second' }), end: 'ack' }),
      true,
    )
    assert.equal((await backend.load(['1']))[0]?.result, 'first')
    assert.equal(await broker.size('q'), 0)
  })
}

function settlingOthers(it: Case): void {
  it('settle: records of other tasks, which leave those that ended as they are', async (place) => {
    const { backend, unitOfWork } = place
    const { delivery } = await held(place)
    await backend.store(metaOf('ended', SUCCESS, { result: 'first' }))
    const also = [metaOf('2', PENDING), metaOf('3', FAILURE), metaOf('ended', FAILURE)]
    const settlement = { delivery, meta: metaOf('1', FAILURE), publish: [messageOf('2')], also, end: 'ack' } as const
    assert.equal(await unitOfWork.settle(settlement), true)
    assert.deepEqual(
      [await stateOf(backend, '1'), await stateOf(backend, '3'), await stateOf(backend, 'ended')],
      [FAILURE, FAILURE, SUCCESS],
    )
    if (backend.jobs) assert.equal(await stateOf(backend, '2'), PENDING)
  })
}

function writing(it: Case): void {
  it('submit without a message: the record and the note alone', async ({ broker, backend, unitOfWork }) => {
    assert.equal(await unitOfWork.submit({ meta: metaOf('1', PENDING), once: true }), true)
    assert.equal(await unitOfWork.submit({ meta: metaOf('1', PENDING), once: true }), false)
    assert.deepEqual([await stateOf(backend, '1'), await broker.size('q')], [PENDING, 0])
    if (!backend.notes) return
    const note: Note = { key: 'eager', value: '2', expires: Date.now() + 60_000 }
    assert.equal(await unitOfWork.submit({ meta: metaOf('2', PENDING), note }), true)
    assert.equal(await unitOfWork.submit({ meta: metaOf('3', PENDING), note }), false)
    assert.deepEqual([await stateOf(backend, '2'), await stateOf(backend, '3')], [PENDING, undefined])
  })

  it('write: records and messages without a delivery; a final state stays', async ({ backend, unitOfWork, read }) => {
    const reader = await read()
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('2', PENDING))
    assert.equal(await unitOfWork.write({ meta: metaOf('1', STARTED) }), true)
    assert.equal(await stateOf(backend, '1'), STARTED)
    const [meta, also, publish] = [metaOf('1', SUCCESS), [metaOf('2', REVOKED)], [messageOf('3')]]
    assert.equal(await unitOfWork.write({ meta, also, publish }), true)
    assert.deepEqual([await stateOf(backend, '1'), await stateOf(backend, '2')], [SUCCESS, REVOKED])
    assert.deepEqual(idsOf([await reader.next()]), ['3'])
    assert.equal(await unitOfWork.write({ meta: metaOf('1', FAILURE) }), false)
    assert.equal(await unitOfWork.write({ also: [metaOf('2', SUCCESS)] }), true)
    assert.deepEqual([await stateOf(backend, '1'), await stateOf(backend, '2')], [SUCCESS, REVOKED])
  })
}

function fencing(it: Case): void {
  it('settle: false when the delivery is no longer ours; on a shared store nothing is written', async (place) => {
    const { backend, broker, unitOfWork } = place
    const { delivery: stale, reader } = await held(place)
    await stale.reject({ requeue: true })
    const current = await reader.next()
    const shared = unitOfWork.atomic
    const late = shared ? { meta: metaOf('1', SUCCESS, { result: 'stale' }), publish: [messageOf('stale')] } : {}
    for (const end of ['ack', 'requeue', 'drop'] as const) {
      assert.equal(await unitOfWork.settle({ delivery: stale, ...late, end }), false, end)
    }
    assert.equal(await stateOf(backend, '1'), PENDING)
    await reader.nothing()
    const meta = metaOf('1', SUCCESS, { result: 'newer' })
    assert.equal(await unitOfWork.settle({ delivery: current, meta, end: 'ack' }), true)
    assert.equal(await unitOfWork.settle({ delivery: current, meta: metaOf('1', REVOKED), end: 'ack' }), false)
    assert.equal((await backend.load(['1']))[0]?.result, 'newer')
    assert.equal(await broker.size('q'), 0)
  })

  it('emit: false when the delivery is no longer ours, on a shared store; then nothing is kept', async (place) => {
    const { backend, unitOfWork } = place
    if (!backend.events) return
    const { delivery: stale, reader } = await held(place)
    await backend.store(metaOf('1', STARTED))
    const say = (value: string, delivery: Delivery | undefined): Promise<boolean> => {
      const emissions = [writeEmission({ kind: 'chunk', attempt: 1, value }, 'json')]
      return unitOfWork.emit({ id: '1', run: 'run-1', from: 1, emissions, again: false }, delivery)
    }
    assert.equal(await say('first', stale), true)
    await stale.reject({ requeue: true })
    const shared = unitOfWork.atomic
    assert.equal(await say('requeued', stale), !shared)
    const current = await reader.next()
    assert.deepEqual([await say('late', stale), await say('second', current)], [!shared, true])
    assert.equal(await say('acknowledged early', undefined), true)
    const [history] = (await backend.events?.read([{ id: '1', after: 2 }])) ?? []
    const said = history?.logged.map(({ emission }) => emission?.value)
    const ours = ['first', 'second', 'acknowledged early']
    assert.deepEqual(said, shared ? ours : ['first', 'requeued', 'late', 'second', 'acknowledged early'])
    assert.equal(await unitOfWork.settle({ delivery: current, meta: metaOf('1', SUCCESS), end: 'ack' }), true)
    assert.equal(await say('too late', undefined), false)
  })
}
