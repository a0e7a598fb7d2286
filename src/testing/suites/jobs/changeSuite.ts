import assert from 'node:assert/strict'
import type { ResultBackend } from '../../../backend/backend.ts'
import type { UnitOfWork } from '../../../backend/unitOfWork.ts'
import type { Broker, Consumer, MessageChange } from '../../../broker/broker.ts'
import { PENDING, RETRY, SUCCESS } from '../../../protocol/states.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../factories.ts'
import type { Kit } from '../../kit.ts'
import { Reader } from '../../reader.ts'
import type { OpenedStores } from '../unitOfWorkSuite.ts'

interface Place {
  readonly broker: Required<Pick<Broker, 'find' | 'change'>> & Broker
  readonly backend: ResultBackend
  readonly change: Required<UnitOfWork>['change']
  /** Submit messages with these ids to queue `q`. */
  send(...ids: string[]): Promise<void>
  /** A message that is delayed for a minute. */
  delay(id: string): Promise<void>
  /** One reader of a queue, ten at a time. */
  read(queue?: string): Promise<Reader>
}

type Case = (name: string, body: (place: Place) => Promise<void>) => void

const MINUTE_MS = 60_000

/**
 * What a store that changes waiting messages must do: each case is a sentence of `find` and `change` in
 * `broker/broker.ts`, and of `change` in `backend/unitOfWork.ts` and `backend/backend.ts`.
 */
export function changeSuite(kit: Kit, name: string, open: () => Promise<OpenedStores>): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const opened = await open()
      const consumers: Consumer[] = []
      try {
        await body(placeOf(opened, consumers))
      } finally {
        await Promise.all(consumers.map((consumer) => consumer.release()))
        await opened.close()
      }
    })
  }
  kit.describe(`messages that wait are changed: ${name}`, () => {
    finding(one)
    changing(one)
    moving(one)
    delaying(one)
    refusing(one)
    recording(one)
    racing(one)
  })
}

function placeOf({ broker, backend, unitOfWork }: OpenedStores, consumers: Consumer[]): Place {
  assert.ok(broker.find && broker.change && unitOfWork.change, 'the store changes messages')
  return {
    broker: broker as Place['broker'],
    backend,
    change: unitOfWork.change.bind(unitOfWork),
    send: async (...ids) => {
      await Promise.all(ids.map((id) => broker.publish(envelopeOf(id), toQueue('q'))))
    },
    delay: (id) => broker.publish(envelopeOf(id), toQueue('q'), { notBefore: Date.now() + MINUTE_MS }),
    read: async (queue = 'q') => {
      const consumer = await broker.consume([{ name: queue }], { prefetch: 10, name: 'celery@suite' })
      consumers.push(consumer)
      return new Reader(consumer)
    },
  }
}

const marked: MessageChange = () => ({ headers: { mark: 'changed' } })

function finding(it: Case): void {
  it('find: a message that waits, is delayed, or is held; undefined where there is none', async (place) => {
    const { broker, send, delay, read } = place
    await send('1', '2')
    await delay('3')
    const waiting = await broker.find('1', 'q')
    assert.deepEqual([waiting?.place, waiting?.queue, waiting?.lost], ['waiting', 'q', 0])
    assert.equal(waiting?.envelope.properties.correlationId, '1')
    const delayed = await broker.find('3', 'q')
    assert.equal(delayed?.place, 'delayed')
    assert.ok(Math.abs((delayed?.due ?? 0) - Date.now() - MINUTE_MS) < MINUTE_MS / 2)
    assert.equal(await broker.find('4', 'q'), undefined)
    assert.equal(await broker.find('1', 'another'), undefined)
    assert.equal(await broker.size('q'), 2)
    const reader = await read()
    const [first] = await reader.take(2)
    assert.equal((await broker.find('1', 'q'))?.place, 'held')
    await first?.ack()
    assert.equal(await broker.find('1', 'q'), undefined)
  })
}

function changing(it: Case): void {
  it('change: headers, body and priority, as they are named; all else as it was', async ({ broker, send, read }) => {
    await send('1')
    const change: MessageChange = (found) => ({
      headers: { mark: 'é', eta: null },
      body: `[${String(found.envelope.body)}, 2]`,
      priority: 2,
    })
    assert.equal(await broker.change('1', 'q', change), true)
    assert.equal(await broker.size('q'), 1)
    const { envelope } = await (await read()).next()
    assert.deepEqual(envelope.headers, { id: '1', task: 'suite.task', mark: 'é', eta: null })
    assert.deepEqual([envelope.body, envelope.properties.priority], ['["1", 2]', 2])
    assert.equal(envelope.properties.correlationId, '1')
  })

  it('change: in its queue it keeps its turn', async ({ broker, send, read }) => {
    for (const id of ['1', '2', '3']) await send(id)
    assert.equal(await broker.change('2', 'q', marked), true)
    const taken = await (await read()).take(3)
    assert.deepEqual(idsOf(taken), ['1', '2', '3'])
    assert.deepEqual(
      taken.map(({ envelope }) => envelope.headers.mark),
      [undefined, 'changed', undefined],
    )
  })

  it('change: another priority, another turn', async ({ broker, send, read }) => {
    const [first, last] = broker.first === 'lowest' ? [0, 9] : [9, 0]
    for (const id of ['1', '2']) await send(id)
    await broker.change('1', 'q', () => ({ priority: last }))
    await broker.change('2', 'q', () => ({ priority: first }))
    assert.deepEqual(idsOf(await (await read()).take(2)), ['2', '1'])
  })

  it('change to nothing: true, and it stays as it is', async ({ broker, send, read }) => {
    await send('1')
    assert.equal(await broker.change('1', 'q', () => undefined), true)
    assert.deepEqual((await (await read()).next()).envelope.headers, { id: '1', task: 'suite.task' })
  })
}

function moving(it: Case): void {
  it('change of the queue: it waits there, and only there; also what is delayed', async (place) => {
    const { broker, send, delay, read } = place
    await send('1')
    await delay('2')
    for (const id of ['1', '2']) assert.equal(await broker.change(id, 'q', () => ({ queue: 'other' })), true)
    assert.deepEqual([await broker.size('q'), await broker.size('other')], [0, 1])
    assert.equal((await broker.find('2', 'other'))?.queue, 'other')
    await broker.change('2', 'other', () => ({ notBefore: 0 }))
    assert.deepEqual(idsOf(await (await read('other')).take(2)).sort(), ['1', '2'])
    assert.equal(await broker.size('q'), 0)
  })
}

function delaying(it: Case): void {
  it('change of the time: what is delayed may be taken now, once', async ({ broker, delay, read }) => {
    await delay('1')
    assert.equal(await broker.change('1', 'q', () => ({ notBefore: Date.now() - 1 })), true)
    assert.equal(await broker.size('q'), 1)
    const delivery = await (await read()).next()
    assert.equal(await delivery.ack(), true)
    assert.equal(await broker.find('1', 'q'), undefined)
  })

  it('change of the time: notifies a consumer that waits', async ({ broker, delay, read }) => {
    const reader = await read()
    await delay('1')
    const next = reader.next()
    await broker.change('1', 'q', () => ({ notBefore: 0 }))
    assert.equal((await next).envelope.properties.correlationId, '1')
  })

  it('change of the time: later, from a queue and from before; it comes then', async ({
    broker,
    send,
    delay,
    read,
  }) => {
    await send('1')
    await delay('2')
    for (const [id, time] of [
      ['1', 2 * MINUTE_MS],
      ['2', 3 * MINUTE_MS],
    ] as const) {
      const due = Date.now() + time
      assert.equal(await broker.change(id, 'q', () => ({ notBefore: due, headers: { mark: id } })), true)
      const found = await broker.find(id, 'q')
      assert.deepEqual([found?.place, found?.envelope.headers.mark], ['delayed', id])
      assert.ok(Math.abs((found?.due ?? 0) - due) < 1000)
    }
    assert.equal(await broker.size('q'), 0)
    await broker.change('1', 'q', () => ({ notBefore: Date.now() + 100 }))
    const { envelope } = await (await read()).next()
    assert.deepEqual([envelope.properties.correlationId, envelope.headers.mark], ['1', '1'])
  })

  it('change without a time: what is delayed stays so', async ({ broker, delay }) => {
    await delay('1')
    const due = (await broker.find('1', 'q'))?.due
    await broker.change('1', 'q', () => ({ priority: 3, headers: { mark: 1 } }))
    const found = await broker.find('1', 'q')
    assert.deepEqual([found?.due, found?.place, found?.envelope.headers.mark], [due, 'delayed', 1])
    assert.equal(found?.envelope.properties.priority, 3)
  })
}

function refusing(it: Case): void {
  it('change: false for what is held, has been settled, or never was there', async ({ broker, send, read }) => {
    await send('1')
    const delivery = await (await read()).next()
    assert.equal(await broker.change('1', 'q', marked), false)
    assert.equal(await broker.change('2', 'q', marked), false)
    assert.equal(await delivery.ack(), true)
    assert.equal(await broker.change('1', 'q', marked), false)
    assert.equal(await broker.size('q'), 0)
  })

  it('change: what it throws, and nothing is changed', async ({ broker, change, backend, send, read }) => {
    await send('1')
    await backend.store(metaOf('1', PENDING, { queue: 'q' }))
    const no = (): never => {
      throw new Error('no')
    }
    await assert.rejects(broker.change('1', 'q', no), /no/)
    await assert.rejects(change('1', 'q', no), /no/)
    assert.equal((await backend.load(['1']))[0]?.queue, 'q')
    assert.deepEqual((await (await read()).next()).envelope.headers, { id: '1', task: 'suite.task' })
  })
}

function recording(it: Case): void {
  const due = new Date(Date.now() + MINUTE_MS).toISOString()

  it('change of a job: its record says where it waits, and until when; its input is kept', async (place) => {
    const { backend, change, send } = place
    if (!backend.change) return
    await send('1')
    const metadata = { owner: 'ann', tags: ['a'], input: '[[1],{},{}]' }
    await backend.store(metaOf('1', PENDING, { queue: 'q', name: 'suite.task' }), undefined, metadata)
    const record = { queue: 'other', due, input: '[[2],{},{}]' }
    assert.equal(await change('1', 'q', (_, known) => ({ record, headers: { was: known?.queue } })), true)
    const [known] = await backend.load(['1'])
    assert.deepEqual([known?.status, known?.queue, known?.date_due], [PENDING, 'other', due])
    if (backend.jobs) assert.deepEqual(await backend.jobs.metadata(['1']), [{ ...metadata, input: record.input }])
    await change('1', 'q', (found) => {
      assert.equal(found.envelope.headers.was, 'q')
      return { record: { due: null } }
    })
    const [after] = await backend.load(['1'])
    assert.deepEqual([after?.queue, after?.date_due], ['other', undefined])
  })

  it('change of a job: no input is added, and a job without a record has none', async ({ backend, change, send }) => {
    await send('1', '2')
    await backend.store(metaOf('1', PENDING), undefined, { owner: 'ann' })
    for (const id of ['1', '2'])
      assert.equal(await change(id, 'q', () => ({ record: { queue: 'x', input: '[]' } })), true)
    assert.equal((await backend.load(['2']))[0], undefined)
    const [metadata] = (await backend.jobs?.metadata(['1'])) ?? []
    assert.equal(metadata?.input, undefined)
  })

  it('change of a record: its state counts as the same; false for a final one, and for none', async ({ backend }) => {
    if (!backend.change) return
    await backend.store(metaOf('1', PENDING))
    await backend.store(metaOf('1', RETRY, { queue: 'q', date_due: due, retries: 1 }))
    const before = (await backend.events?.read([{ id: '1', after: 0 }]))?.[0]
    assert.equal(await backend.change('1', { queue: 'other', due: null }), true)
    const [history] = (await backend.events?.read([{ id: '1', after: 0 }])) ?? []
    const [meta] = await backend.load(['1'])
    assert.deepEqual([meta?.status, meta?.queue, meta?.date_due, meta?.retries], [RETRY, 'other', undefined, 1])
    assert.deepEqual([history?.counted, history?.state, history?.last], [before?.counted, before?.state, before?.last])
    await backend.store(metaOf('1', SUCCESS, { queue: 'other' }))
    assert.equal(await backend.change('1', { queue: 'q' }), false)
    assert.equal(await backend.change('2', { queue: 'q' }), false)
    assert.deepEqual([(await backend.load(['1']))[0]?.queue, (await backend.load(['2']))[0]], ['other', undefined])
  })
}

function racing(it: Case): void {
  it('change while consumers take: each message comes once, as it was or as it is', async (place) => {
    const { broker, change, send, read } = place
    const ids = Array.from({ length: 100 }, (_, index) => `${index}`)
    await send(...ids)
    const reader = await read('q')
    const seen = new Map<string | undefined, unknown>()
    const draining = (async () => {
      for (let count = 0; count < ids.length; count++) {
        const delivery = await reader.next()
        const { correlationId } = delivery.envelope.properties
        assert.equal(seen.has(correlationId), false, `${correlationId} came twice`)
        seen.set(correlationId, delivery.envelope.headers.mark)
        await delivery.ack()
      }
    })()
    const done = await Promise.all(
      ids.toReversed().map((id) => change(id, 'q', () => ({ headers: { mark: id }, record: {} }))),
    )
    await draining
    const changed = ids.filter((_, index) => done[ids.length - 1 - index])
    assert.deepEqual(
      ids.filter((id) => seen.get(id) === id),
      changed,
    )
    assert.equal(await broker.size('q'), 0)
  })
}
