import { isUtf8 } from 'node:buffer'
import { describe, expect, it, test } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { PENDING, STARTED, SUCCESS } from '../../src/protocol/states.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { RowsStatement } from '../../src/stores/postgres/connection/rows.ts'
import { SequentialUnitOfWork } from '../../src/stores/sequentialUnitOfWork.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import type { ChordFixture } from '../../src/testing/chordLab.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { chordWritesSuite } from '../../src/testing/suites/chordWritesSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { jobIndexSuite } from '../../src/testing/suites/jobIndexSuite.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { notesSuite } from '../../src/testing/suites/notesSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { emptySchema, StandalonePostgresBackend } from '../postgres/standalone.ts'
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
  return { backend, second, spoil, close: () => backend.close() }
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
