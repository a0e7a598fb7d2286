import { isUtf8 } from 'node:buffer'
import { describe, expect, it, test } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { PENDING, STARTED, SUCCESS } from '../../src/protocol/states.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { channelOf } from '../../src/stores/postgres/connection/listening.ts'
import { RowsStatement } from '../../src/stores/postgres/connection/rows.ts'
import { SequentialUnitOfWork } from '../../src/stores/sequentialUnitOfWork.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import type { ChordFixture } from '../../src/testing/chordLab.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { stays, until } from '../../src/testing/kit.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { chordWritesSuite } from '../../src/testing/suites/chordWritesSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { jobIndexSuite } from '../../src/testing/suites/jobIndexSuite.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { notesSuite } from '../../src/testing/suites/notesSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { emptySchema, giveBack } from '../postgres/shared.ts'
import { PlainListening, StandalonePostgresBackend } from '../postgres/standalone.ts'
import { inFull } from '../tier.ts'

const options: BackendOptions = { expires: 60_000, serializer: 'json', accept: ['json'] }

const SPOIL = new RowsStatement(
  'spoil',
  { id: 'text', text: 'text', bytes: 'bytes', format: 'text' },
  `UPDATE celeriac.result r SET meta = g.text, bytes = decode(g.bytes, 'base64'), format = g.format
  FROM given g WHERE r.id = g.id`,
)

async function openBackend(more: Partial<BackendOptions> = {}): Promise<OpenedBackend> {
  const url = await emptySchema()
  const second = async (): Promise<StandalonePostgresBackend> =>
    new StandalonePostgresBackend(url, { ...options, ...more })
  const backend = await second()
  const spoil = async (id: string, record: Uint8Array): Promise<void> => {
    // As text where it may be text, as the store writes it.
    const text = isUtf8(record) && record[0] === 0x7b ? Buffer.from(record).toString() : undefined
    const rows = SPOIL.rows()
    rows.add(id, text, text === undefined ? record : null, text ? 'application/json' : 'application/x-msgpack')
    await backend.database.run([SPOIL.step(rows)])
  }
  const close = async (): Promise<void> => {
    await backend.empty()
    await backend.close()
    giveBack(url)
  }
  return { backend, second, spoil, close }
}

for (const serializer of ['json', ...inFull('msgpack' as const)] as const) {
  const open = (more: Partial<BackendOptions> = {}): Promise<OpenedBackend> => openBackend({ serializer, ...more })
  const name = `postgres, ${serializer}`
  backendSuite({ describe, it }, name, open)
  jobIndexSuite({ describe, it }, name, open)
  notesSuite({ describe, it }, name, open)
  revokedSuite({ describe, it }, name, open)
  eventLogSuite({ describe, it }, name, () => open({ eventLog: SUITE_EVENT_LOG }))
}

chordWritesSuite({ describe, it }, 'in PostgreSQL', async () => (await openBackend()).backend)

/** Longer than an unfinished record is kept, ms. */
const LATER = 8 * 86_400_000

/** With messages in memory. */
async function openBeside(): Promise<ChordFixture> {
  const url = await emptySchema()
  let later = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + later }
  const again = async (): Promise<OpenedStores> => {
    const [broker, backend] = [new MemoryBroker(), new StandalonePostgresBackend(url, { ...options, clock })]
    return { broker, backend, unitOfWork: new SequentialUnitOfWork(broker, backend), close: () => backend.close() }
  }
  const expire = async (): Promise<void> => {
    later += LATER
  }
  return { stores: await again(), again, expire }
}

chordSuite({ describe, it }, 'in PostgreSQL, with messages elsewhere', openBeside)
unitOfWorkSuite({ describe, it }, 'postgres, with messages elsewhere', async () => (await openBeside()).stores)
changeSuite({ describe, it }, 'postgres, with messages elsewhere', async () => (await openBeside()).stores)

test('a record takes its log and its metadata along', async () => {
  const backend = new StandalonePostgresBackend(await emptySchema(), options)
  for (const id of ['1', '2']) {
    await backend.store(metaOf(id, PENDING), undefined, { owner: 'me' })
    await backend.store(metaOf(id, STARTED))
    await backend.store(metaOf(id, STARTED))
    await backend.store(metaOf(id, SUCCESS))
  }
  const count = (): Promise<unknown> =>
    backend.value('SELECT (SELECT count(*) FROM celeriac.event) + (SELECT count(*) FROM celeriac.origin)')
  expect(await count()).toBe('6')
  await backend.forget(['1'])
  expect(await count()).toBe('3')
  await backend.close()
})

/** A backend of an empty schema, its second connection, and what is heard on the channel of its records. */
async function withListener(
  body: (place: {
    backend: StandalonePostgresBackend
    other: StandalonePostgresBackend
    heard: string[]
  }) => Promise<void>,
): Promise<void> {
  const url = await emptySchema()
  const [backend, other] = [new StandalonePostgresBackend(url, options), new StandalonePostgresBackend(url, options)]
  const listening = new PlainListening(url)
  const heard: string[] = []
  await listening.on(channelOf(backend.database.schema, 'results'), (payload) => heard.push(payload ?? ''))
  try {
    await body({ backend, other, heard })
  } finally {
    await listening.close()
    await other.close()
    await backend.close()
  }
}

test('changes are announced only while a process waits for some; many as one', async () => {
  await withListener(async ({ backend, other, heard }) => {
    await backend.store(metaOf('1', PENDING))
    const watch = other.watch(['1'], new AbortController().signal)[Symbol.asyncIterator]()
    expect((await watch.next()).value?.status).toBe(PENDING)
    await backend.store(metaOf('1', STARTED))
    expect((await watch.next()).value?.status).toBe(STARTED)
    await until('it is heard', () => heard.length > 0)
    // Ids alone: the server lets every role listen.
    expect(heard).toEqual(['["1"]'])
    const odd = ['é"', 'a\u001fb', 'x'.repeat(9000)]
    await Promise.all(odd.map((id) => backend.store(metaOf(id, PENDING))))
    await Promise.all(Array.from({ length: 300 }, (_, at) => backend.store(metaOf(`${at}${'-'.repeat(35)}`, PENDING))))
    await until('all are heard', () => heard.length >= 4)
    expect(heard[1]).toBe('[]')
    expect(heard.slice(2).flatMap((ids) => JSON.parse(ids) as string[])).toHaveLength(300)
    await watch.return?.()
  })
})

test('a notification that is not ours, which anyone may send, does no harm', async () => {
  await withListener(async ({ backend, other, heard }) => {
    await backend.store(metaOf('1', PENDING))
    const watch = other.watch(['1'], new AbortController().signal)[Symbol.asyncIterator]()
    expect((await watch.next()).value?.status).toBe(PENDING)
    const strange = ['garbage', '5', 'null', '{"record":5}', '{"record":[]}', '[1, null]', '{']
    const notify = "SELECT pg_notify('celeriac.results', unnest)::text FROM unnest($1::text[])"
    const values = [JSON.stringify(strange).replace('[', '{').replace(/\]$/, '}')]
    await backend.database.run([{ statement: { name: '', text: notify }, values }])
    await until('all are heard', () => heard.length >= strange.length)
    await backend.store(metaOf('1', SUCCESS))
    expect((await watch.next()).value?.status).toBe(SUCCESS)
  })
})

test('a write that meets the addition of its record waits for it, and is saved', async () => {
  await withListener(async ({ backend, other }) => {
    await backend.load(['none'])
    for (const status of [STARTED, SUCCESS]) {
      const write = await backend.database.transaction(async (run) => {
        await run(backend.records.steps([{ meta: metaOf(status, PENDING) }]))
        const stored = other.store(metaOf(status, status))
        expect(await stays(stored)).toBe(true)
        return { stored }
      })
      expect(await write.stored).toBe(true)
      const [history] = await backend.events.read([{ id: status, after: 0 }])
      expect(history?.meta.status).toBe(status)
      expect(history?.last).toBe(status === STARTED ? 2 : 1)
    }
  })
})

test('moments may have fractions', async () => {
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + 0.25 }
  const backend = new StandalonePostgresBackend(await emptySchema(), { ...options, clock })
  expect(await backend.store(metaOf('1', PENDING))).toBe(true)
  expect(await backend.notes.putIfAbsent({ key: 'k', value: 'v', expires: clock.now() + 60_000.5 })).toBe(true)
  expect(await backend.notes.get('k')).toBe('v')
  await backend.revoked.add(['1'], clock.now() + 0.5)
  expect(await backend.revoked.all()).toEqual(['1'])
  await backend.chords.writes.open([{ group: 'g', size: 1, callback: 'c' }], clock.now() + 1.5)
  expect(await backend.chords.writes.adding({ group: 'g', taskId: '2' }, clock.now() + 1.5)).toBe('new')
  await backend.chords.writes.sending(['g'], clock.now() - 1000.5)
  expect(await backend.chords.complete(clock.now() + 1000.5, 1)).toHaveLength(1)
  await backend.close()
})

test('two processes write the same records at the same time, in whatever order', async () => {
  await withListener(async ({ backend, other }) => {
    const ids = Array.from({ length: 50 }, (_, at) => `id${at}`)
    await Promise.all(ids.map((id) => backend.store(metaOf(id, PENDING))))
    const started = performance.now()
    for (let round = 0; round < 10; round++) {
      const one = ids.map((id) => backend.store(metaOf(id, STARTED)))
      const two = ids.toReversed().map((id) => other.store(metaOf(id, STARTED)))
      expect(await Promise.all([...one, ...two])).not.toContain(false)
    }
    // The server looks for a deadlock after a second.
    expect(performance.now() - started).toBeLessThan(5000)
    const histories = await backend.events.read(ids.map((id) => ({ id, after: 0 })))
    expect(new Set(histories.map((history) => history?.last))).toEqual(new Set([21]))
  })
})
