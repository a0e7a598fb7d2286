import assert from 'node:assert/strict'
import type {
  DeadLetterBounds,
  DeadLetterQuery,
  DeadLetterStore,
  NewDeadLetter,
} from '../../../backend/dead/deadLetters.ts'
import type { Message, Redriven, UnitOfWork } from '../../../backend/unitOfWork.ts'
import type { Delivery } from '../../../broker/broker.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { FAILURE, PENDING, RETRY, SUCCESS } from '../../../protocol/states.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../factories.ts'
import type { Kit } from '../../kit.ts'
import { Reader } from '../../reader.ts'
import type { OpenedStores } from '../unitOfWorkSuite.ts'

/** With which bounds the stores of this suite are opened. */
export const SUITE_DEAD_LETTERS: DeadLetterBounds = { expires: 3_600_000, max: 20, maxBytes: 100_000 }

interface Place extends Omit<OpenedStores, 'close'> {
  readonly letters: DeadLetterStore
}

type Case = (name: string, body: (place: Place) => Promise<void>) => void

/**
 * What a backend with dead letters must do, with a broker: each case is a sentence of the contract in
 * `backend/dead/deadLetters.ts`, or of `Message.dead` and `UnitOfWork.redrive`. `open` gives them the bounds
 * `SUITE_DEAD_LETTERS`.
 */
export function deadLetterSuite(kit: Kit, name: string, open: () => Promise<OpenedStores>): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const { close, ...stores } = await open()
      try {
        const letters = await stores.backend.deadLetters?.()
        assert.ok(letters, 'the backend keeps dead letters')
        await body({ ...stores, letters })
      } finally {
        await close()
      }
    })
  }
  kit.describe(`dead letters ${name}`, () => {
    keeping(one)
    listing(one)
    changing(one)
    bounding(one)
    boundingBytes(one)
    settling(one)
    redriving(one)
  })
}

function letterOf(id: string, more: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    id,
    task: 'suite.task',
    queue: 'q',
    reason: 'failed',
    error: { type: 'TypeError', message: 'no such file' },
    died: Date.now(),
    worker: 'celery@suite',
    retries: 3,
    lost: 0,
    history: [],
    envelope: envelopeOf(id),
    ...more,
  }
}

async function idsIn(letters: DeadLetterStore, query: Partial<DeadLetterQuery> = {}): Promise<readonly string[]> {
  const page = await letters.list({ limit: 100, ...query })
  assert.equal(page.cursor, undefined)
  return page.letters.map(({ id }) => id)
}

function keeping(it: Case): void {
  it('put and load: all of it, whatever its message holds', async ({ letters }) => {
    const history = [{ ...letterOf('1'), died: 5 }].map(({ reason, error, died, worker }) => ({
      reason,
      error,
      died,
      worker,
    }))
    const odd = {
      headers: { text: 'é "\n\u2028', list: [1, { a: null }] },
      properties: { contentType: 'application/octet-stream', contentEncoding: 'binary' },
      body: new Uint8Array([0, 255, 10, 0]),
    }
    const first = letterOf('1', { history, envelope: odd, task: undefined, retries: undefined })
    await letters.put([first, letterOf('2 é', { lost: 2, reason: 'lost', queue: 'other' })])
    const [one, none, two] = await letters.load(['1', 'none', '2 é'])
    assert.equal(none, undefined)
    assert.deepEqual(one?.envelope.headers, odd.headers)
    assert.deepEqual(Buffer.from(one?.envelope.body ?? ''), Buffer.from([0, 255, 10, 0]))
    assert.deepEqual([one?.history, one?.task, one?.retries, one?.bytes], [history, undefined, undefined, 4])
    const { envelope, ...facts } = letterOf('2 é', { lost: 2, reason: 'lost', queue: 'other', died: two?.died ?? 0 })
    assert.deepEqual(two?.envelope, envelope)
    for (const [name, value] of Object.entries(facts)) assert.deepEqual(two?.[name as keyof typeof facts], value, name)
    assert.ok((two?.version ?? 0) > (one?.version ?? 0))
  })

  it('put: one of an id that is there is replaced, and is the newest', async ({ letters }) => {
    await letters.put([letterOf('1'), letterOf('2')])
    await letters.put([letterOf('1', { error: { type: 'Error', message: 'again' } })])
    assert.deepEqual(await idsIn(letters), ['1', '2'])
    assert.equal((await letters.load(['1']))[0]?.error.message, 'again')
  })

  it('put: with owner and tags of the job', async ({ letters, unitOfWork, backend }) => {
    if (!backend.jobs) return
    const metadata = { owner: 'ann', tags: ['a', 'b é'], input: '[[],{},{}]' }
    await unitOfWork.submit({ message: messageOf('1'), meta: metaOf('1', PENDING, { name: 'suite.task' }), metadata })
    await unitOfWork.submit({ meta: metaOf('2', PENDING), metadata: { owner: 'bob' } })
    await letters.put([letterOf('1'), letterOf('2'), letterOf('3')])
    const [one, two, three] = await letters.load(['1', '2', '3'])
    assert.deepEqual([one?.owner, one?.tags], ['ann', ['a', 'b é']])
    assert.deepEqual([two?.owner, two?.tags, three?.owner], ['bob', undefined, undefined])
    assert.deepEqual(await idsIn(letters, { owner: 'ann' }), ['1'])
    assert.deepEqual(await idsIn(letters, { tag: 'b é' }), ['1'])
    assert.deepEqual(await idsIn(letters, { tag: 'b' }), [])
    await letters.edit('1', one?.version ?? 0, envelopeOf('1'))
    assert.equal((await letters.load(['1']))[0]?.owner, 'ann')
  })
}

function listing(it: Case): void {
  it('list: by page, the newest first, or the oldest', async ({ letters }) => {
    const ids = Array.from({ length: 7 }, (_, at) => `${at}`)
    await letters.put(ids.map((id) => letterOf(id)))
    for (const oldest of [true, false]) {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await letters.list({ limit: 3, cursor, oldest })
        found.push(...page.letters.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor !== undefined)
      assert.deepEqual(found, oldest ? ids : ids.toReversed())
    }
    await assert.rejects(letters.list({ limit: 0 }), { name: 'ArgumentError' })
    await assert.rejects(letters.list({ limit: 1, cursor: 'x' }), { name: 'ArgumentError' })
    await assert.rejects(letters.list({ limit: 1, q: ' ' }), { name: 'ArgumentError' })
  })

  it('list: those that fit all that is named', async ({ letters }) => {
    const died = Date.now() - 1000
    await letters.put([
      letterOf('1', { task: 'a', queue: 'x', died }),
      letterOf('2', { task: 'a', reason: 'rejected', error: { type: 'Reject', message: 'Ärger 100%' } }),
      letterOf('3', { task: 'b', queue: 'x' }),
      letterOf('4', { task: undefined, reason: 'undecodable', error: { type: 'DecodeError', message: 'x' } }),
    ])
    const cases: readonly (readonly [Partial<DeadLetterQuery>, readonly string[]])[] = [
      [{ task: 'a' }, ['2', '1']],
      [{ tasks: ['b', 'a'] }, ['3', '2', '1']],
      [{ tasks: [] }, []],
      [{ queue: 'x' }, ['3', '1']],
      [{ queue: 'x', task: 'a' }, ['1']],
      [{ reason: 'undecodable' }, ['4']],
      [{ since: died + 1, queue: 'x' }, ['3']],
      [{ error: 'ÄRGER 100%' }, ['2']],
      [{ error: 'TYPEERROR: no' }, ['3', '1']],
      [{ q: 'reject ärg' }, ['2']],
      [{ q: '3 b' }, ['3']],
      [{ owner: 'bob' }, []],
    ]
    for (const [query, ids] of cases) assert.deepEqual(await idsIn(letters, query), ids, JSON.stringify(query))
    assert.deepEqual(await idsIn(letters, { task: 'a', oldest: true }), ['1', '2'])
    assert.deepEqual([...(await letters.count())].sort(), [
      ['q', 2],
      ['x', 2],
    ])
  })
}

function changing(it: Case): void {
  it('edit: the message of this version alone', async ({ letters }) => {
    await letters.put([letterOf('1'), letterOf('2')])
    const [one] = await letters.load(['1'])
    const envelope = { ...envelopeOf('1'), body: '"longer than before"' }
    assert.equal(await letters.edit('1', (one?.version ?? 0) + 1, envelope), false)
    assert.equal(await letters.edit('none', 1, envelope), false)
    assert.equal(await letters.edit('1', one?.version ?? 0, envelope), true)
    const [changed] = await letters.load(['1'])
    assert.deepEqual([changed?.envelope.body, changed?.bytes], ['"longer than before"', 20])
    assert.deepEqual([changed?.died, changed?.error], [one?.died, one?.error])
    assert.deepEqual(await idsIn(letters), ['1', '2'])
    assert.equal(await letters.edit('1', one?.version ?? 0, envelopeOf('1')), false)
  })

  it('drop and remove: by id, and by id and version', async ({ letters }) => {
    await letters.put([letterOf('1'), letterOf('2'), letterOf('3')])
    assert.equal(await letters.drop(['1', 'none']), 1)
    const [two] = await letters.load(['2'])
    await letters.remove('2', (two?.version ?? 0) + 1)
    assert.deepEqual(await idsIn(letters), ['3', '2'])
    await letters.remove('2', two?.version ?? 0)
    assert.deepEqual(await idsIn(letters), ['3'])
    assert.deepEqual(await letters.load(['1', '2']), [undefined, undefined])
  })

  it('reopen: over a final record, but not over SUCCESS; an unknown one stays unknown', async (place) => {
    const { letters, backend } = place
    await backend.store(metaOf('1', PENDING, { name: 'suite.task' }))
    await backend.store(metaOf('1', FAILURE, { name: 'suite.task' }))
    await backend.store(metaOf('2', SUCCESS))
    await letters.reopen(['1', '2'].map((id) => metaOf(id, RETRY, { name: 'suite.task' })))
    const states = (await backend.load(['1', '2'])).map((meta) => meta?.status)
    assert.deepEqual(states, [RETRY, SUCCESS])
    assert.equal(await backend.store(metaOf('1', SUCCESS)), true)
  })
}

function bounding(it: Case): void {
  it('expires: what died too long ago is not listed, and is dropped', async ({ letters }) => {
    const { expires } = SUITE_DEAD_LETTERS
    await letters.put([letterOf('old', { died: Date.now() - expires - 1000 }), letterOf('new')])
    assert.deepEqual(await idsIn(letters), ['new'])
    assert.deepEqual(await letters.load(['old']), [undefined])
    await letters.trim()
    assert.equal(await letters.drop(['old']), 0)
  })

  it('max: the oldest above it are dropped', async ({ letters }) => {
    const { max } = SUITE_DEAD_LETTERS
    const ids = Array.from({ length: max + 5 }, (_, at) => `${at}`)
    for (const id of ids) await letters.put([letterOf(id)])
    await letters.trim()
    assert.deepEqual(await idsIn(letters, { oldest: true }), ids.slice(5))
    assert.equal((await letters.load(['0']))[0], undefined)
  })
}

function boundingBytes(it: Case): void {
  it('maxBytes: the oldest whose messages are above it are dropped', async ({ letters }) => {
    const ids = ['0', '1', '2', '3', '4']
    for (const id of ids) await letters.put([letterOf(id, { envelope: sizedEnvelope(id, 30_000) })])
    await letters.trim()
    assert.deepEqual(await idsIn(letters, { oldest: true }), ['2', '3', '4'])
    assert.deepEqual(await letters.load(['0', '1']), [undefined, undefined])
    const headers = { text: 'é'.repeat(40_000) }
    await letters.put([letterOf('5', { envelope: { ...envelopeOf('5'), headers } })])
    await letters.trim()
    assert.deepEqual(await idsIn(letters), ['5'])
  })

  it('maxBytes: the newest stays, whatever its size', async ({ letters }) => {
    const { maxBytes } = SUITE_DEAD_LETTERS
    await letters.put([letterOf('1')])
    await letters.put([letterOf('large', { envelope: sizedEnvelope('large', 2 * maxBytes) })])
    await letters.trim()
    assert.deepEqual(await idsIn(letters), ['large'])
    await letters.put([letterOf('2')])
    await letters.trim()
    assert.deepEqual(await idsIn(letters), ['2'])
  })

  it('amount: of all that are there, after each change', async ({ letters, unitOfWork }) => {
    const amount = async (expected: number, sizes: number): Promise<void> => {
      const { letters: count, bytes } = await letters.amount()
      assert.equal(count, expected)
      assert.ok(bytes >= sizes && bytes <= sizes + 1000 * count, `${bytes} bytes, of bodies ${sizes}`)
    }
    await amount(0, 0)
    await letters.put(['1', '2', '3', '4'].map((id) => letterOf(id, { envelope: sizedEnvelope(id, 10_000) })))
    await amount(4, 40_000)
    await letters.put([letterOf('1', { envelope: sizedEnvelope('1', 20_000) })])
    await amount(4, 50_000)
    const [two, three, four] = await letters.load(['2', '3', '4'])
    await letters.edit('2', two?.version ?? 0, sizedEnvelope('2', 5_000))
    await amount(4, 45_000)
    await letters.drop(['1', 'none'])
    await letters.remove('3', three?.version ?? 0)
    await letters.remove('3', three?.version ?? 0)
    await amount(2, 15_000)
    assert.ok(unitOfWork.redrive)
    await unitOfWork.redrive([{ id: '4', version: four?.version ?? 0, message: messageOf('4') }])
    await amount(1, 5_000)
    await letters.drop(['2'])
    await amount(0, 0)
  })
}

function sizedEnvelope(id: string, bytes: number): Envelope {
  return { ...envelopeOf(id), body: JSON.stringify('x'.repeat(bytes)) }
}

function messageOf(id: string): Message {
  return { envelope: envelopeOf(id), route: toQueue('q') }
}

function deadMessage(id: string): Message {
  return { envelope: envelopeOf(id), route: toQueue('q.dead'), dead: letterOf(id) }
}

async function held({ broker, unitOfWork }: Place, id: string): Promise<{ reader: Reader; delivery: Delivery }> {
  await unitOfWork.submit({ message: messageOf(id), meta: metaOf(id, PENDING, { name: 'suite.task' }) })
  const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' }))
  return { reader, delivery: await reader.next() }
}

function settling(it: Case): void {
  it('settle: a dead letter is kept with the end of its message, and not published', async (place) => {
    const { letters, unitOfWork, broker, backend } = place
    const { delivery } = await held(place, '1')
    const publish = [deadMessage('1'), messageOf('next')]
    assert.equal(await unitOfWork.settle({ delivery, meta: metaOf('1', FAILURE), publish, end: 'ack' }), true)
    assert.deepEqual(await idsIn(letters), ['1'])
    assert.deepEqual([await broker.size('q.dead'), (await backend.load(['1']))[0]?.status], [0, FAILURE])
    await unitOfWork.write({ meta: metaOf('2', FAILURE), publish: [deadMessage('2')] })
    assert.deepEqual(await idsIn(letters), ['2', '1'])
  })

  it('settle: on a shared store only while the delivery is ours', async (place) => {
    const { letters, unitOfWork } = place
    if (!unitOfWork.atomic) return
    const { delivery } = await held(place, '1')
    await delivery.ack()
    const settlement = { delivery, publish: [deadMessage('1')], end: 'ack' } as const
    assert.equal(await unitOfWork.settle(settlement), false)
    assert.deepEqual(await idsIn(letters), [])
  })

  it('settle: with more messages than one write has', async (place) => {
    const { letters, unitOfWork, broker } = place
    const { delivery } = await held(place, '1')
    const others = Array.from({ length: 1001 }, (_, at) => ({ ...messageOf(`next-${at}`), route: toQueue('other') }))
    const publish = [deadMessage('1'), ...others]
    assert.equal(await unitOfWork.settle({ delivery, meta: metaOf('1', FAILURE), publish, end: 'ack' }), true)
    assert.deepEqual([await idsIn(letters), await broker.size('q.dead'), await broker.size('other')], [['1'], 0, 1001])
  })
}

function redriving(it: Case): void {
  const redriven = async ({ letters }: Place, ids: readonly string[]): Promise<readonly Redriven[]> =>
    (await letters.load(ids)).map((letter, at) => ({
      id: ids[at] as string,
      version: letter?.version ?? 0,
      message: messageOf(ids[at] as string),
      meta: metaOf(ids[at] as string, RETRY, { name: 'suite.task' }),
    }))
  const redrive = async (unitOfWork: UnitOfWork, all: readonly Redriven[]): Promise<readonly boolean[]> => {
    assert.ok(unitOfWork.redrive, 'the unit of work sends dead letters again')
    return unitOfWork.redrive(all)
  }

  it('redrive: sent in place of the dead letter, with its record', async (place) => {
    const { letters, unitOfWork, broker, backend } = place
    await backend.store(metaOf('1', FAILURE, { name: 'suite.task' }))
    await letters.put([letterOf('1'), letterOf('2'), letterOf('3')])
    const all = await redriven(place, ['1', '2', 'none'])
    assert.deepEqual(await redrive(unitOfWork, all), [true, true, false])
    assert.deepEqual(await idsIn(letters), ['3'])
    assert.deepEqual((await backend.load(['1']))[0]?.status, RETRY)
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' }))
    assert.deepEqual(idsOf(await reader.take(2)).sort(), ['1', '2'])
    assert.equal(await broker.size('q'), 0)
  })

  it('redrive: not what was sent, edited or kept again meanwhile', async (place) => {
    const { letters, unitOfWork, broker } = place
    await letters.put([letterOf('1'), letterOf('2'), letterOf('3')])
    const all = await redriven(place, ['1', '2', '3'])
    assert.deepEqual(await redrive(unitOfWork, all.slice(0, 1)), [true])
    assert.equal(await letters.edit('2', all[1]?.version ?? 0, envelopeOf('2')), true)
    await letters.put([letterOf('3')])
    assert.deepEqual(await redrive(unitOfWork, all), [false, false, false])
    assert.deepEqual([await broker.size('q'), await idsIn(letters)], [1, ['3', '2']])
  })

  it('redrive: of several at once, one sends it', async (place) => {
    const { letters, unitOfWork, broker, backend } = place
    if (!unitOfWork.atomic && !backend.notes) return
    await letters.put([letterOf('1'), letterOf('2')])
    const all = await redriven(place, ['1', '2'])
    const sent = await Promise.all([redrive(unitOfWork, all), redrive(unitOfWork, all), redrive(unitOfWork, all)])
    assert.deepEqual(
      [0, 1].map((at) => sent.filter((each) => each[at]).length),
      [1, 1],
    )
    assert.equal(await broker.size('q'), 2)
  })
}
