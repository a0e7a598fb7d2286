import { isUtf8 } from 'node:buffer'
import { describe, expect, it, test } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { PENDING, STARTED, SUCCESS } from '../../src/protocol/states.ts'
import { SequentialUnitOfWork } from '../../src/stores/sequentialUnitOfWork.ts'
import type { SqliteBackend } from '../../src/stores/sqlite/results/backend.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { jobIndexSuite } from '../../src/testing/suites/jobIndexSuite.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { deadLetterSuite, SUITE_DEAD_LETTERS } from '../../src/testing/suites/jobs/deadLetterSuite.ts'
import { notesSuite } from '../../src/testing/suites/notesSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { openSqliteParts, StandaloneSqliteBackend, StandaloneSqliteBroker } from '../stores/standalone.ts'
import { inFull } from '../tier.ts'

const options: BackendOptions = {
  expires: 60_000,
  serializer: 'json',
  accept: ['json'],
  deadLetters: SUITE_DEAD_LETTERS,
}

for (const serializer of ['json', ...inFull('msgpack' as const)] as const) {
  const open = async (more: Partial<BackendOptions> = {}): Promise<OpenedBackend> => {
    const folder = new Folder()
    const second = async (): Promise<SqliteBackend> =>
      new StandaloneSqliteBackend(folder.url(), { ...options, serializer, ...more })
    const backend = await second()
    const close = async (): Promise<void> => {
      await backend.close()
      folder.remove()
    }
    const spoil = async (id: string, record: Uint8Array): Promise<void> => {
      // As text where it may be text, as the store writes it.
      const json = isUtf8(record) && record[0] === 0x7b
      const meta = json ? Buffer.from(record).toString() : record
      const format = json ? 'application/json' : 'application/x-msgpack'
      backend.file.db.prepare('UPDATE celeriac_result SET meta = ?, format = ? WHERE id = ?').run(meta, format, id)
    }
    return { backend, second, spoil, close }
  }
  backendSuite({ describe, it }, `sqlite, ${serializer}`, open)
  jobIndexSuite({ describe, it }, `sqlite, ${serializer}`, open)
  notesSuite({ describe, it }, `sqlite, ${serializer}`, open)
  revokedSuite({ describe, it }, `sqlite, ${serializer}`, open)
  eventLogSuite({ describe, it }, `sqlite, ${serializer}`, () => open({ eventLog: SUITE_EVENT_LOG }))
}

const openOne = async (): Promise<OpenedStores> => {
  const folder = new Folder()
  const parts = openSqliteParts(folder.url(), { ...options, lease: 30_000 })
  const close = async (): Promise<void> => {
    await parts.close()
    folder.remove()
  }
  return { ...parts, close }
}
unitOfWorkSuite({ describe, it }, 'sqlite, one file', openOne)
changeSuite({ describe, it }, 'sqlite, one file', openOne)
deadLetterSuite({ describe, it }, 'sqlite, one file', openOne)

const openTwo = async (): Promise<OpenedStores> => {
  const folder = new Folder()
  const broker = new StandaloneSqliteBroker(folder.url('messages.db'), { lease: 30_000 })
  const backend = new StandaloneSqliteBackend(folder.url('results.db'), options)
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
    folder.remove()
  }
  return { broker, backend, unitOfWork: new SequentialUnitOfWork(broker, backend), close }
}
unitOfWorkSuite({ describe, it }, 'sqlite, two files', openTwo)
changeSuite({ describe, it }, 'sqlite, two files', openTwo)
deadLetterSuite({ describe, it }, 'sqlite, two files', openTwo)

test('a record takes its log along', async () => {
  const folder = new Folder()
  const backend = new StandaloneSqliteBackend(folder.url(), options)
  for (const id of ['1', '2']) {
    await backend.store(metaOf(id, PENDING))
    await backend.store(metaOf(id, STARTED))
    await backend.store(metaOf(id, STARTED))
    await backend.store(metaOf(id, SUCCESS))
  }
  const count = (): unknown => backend.file.db.prepare('SELECT count(*) AS n FROM celeriac_event').get()
  expect(count()).toEqual({ n: 4 })
  await backend.forget(['1'])
  expect(count()).toEqual({ n: 2 })
  await backend.close()
  folder.remove()
})

test('a chord whose sender died leaves no row of members that were added', async () => {
  const folder = new Folder()
  const backend = new StandaloneSqliteBackend(folder.url(), options)
  const { chords, file } = backend
  await chords.writes.open([{ group: 'g', size: 9, callback: 'of g' }])
  for (const id of ['a', 'b', 'c'])
    expect(await chords.writes.adding({ group: 'g', taskId: id }, undefined)).toBe('new')
  await chords.writes.sending(['g'], Date.now() - 1000)
  await chords.complete(0, 1)
  expect((await chords.parts('g', 0)).parts).toHaveLength(1)
  expect(await chords.writes.close('g')).toBe(true)
  expect(file.db.prepare('SELECT count(*) AS n FROM celeriac_part').get()).toEqual({ n: 0 })
  await backend.close()
  folder.remove()
})
