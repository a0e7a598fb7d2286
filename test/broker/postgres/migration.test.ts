import { expect, onTestFinished, test } from 'vitest'
import { versionOf } from '../../../src/stores/migration.ts'
import { Link } from '../../../src/stores/postgres/connection/link.ts'
import { parsePostgresUrl } from '../../../src/stores/postgres/connection/url.ts'
import { requireLayout } from '../../../src/stores/postgres/schema/layout.ts'
import { POSTGRES_STEPS, type PostgresStep } from '../../../src/stores/postgres/schema/migrations.ts'
import { postgresStore } from '../../../src/stores/postgres/store.ts'
import { emptyPostgres, query } from '../../postgres/shared.ts'

test('tables of version 1 with messages get limits; processes of version 1 go on', async () => {
  const url = await emptyPostgres()
  const address = parsePostgresUrl(url)
  const link = await Link.open(address, { name: 'test', openTimeout: 10_000, statementTimeout: 10_000 })
  onTestFinished(() => link.close())
  expect(await requireLayout(link, address, POSTGRES_STEPS.slice(0, 1))).toMatchObject({ from: 0, to: 1 })
  await query(url, `INSERT INTO celeriac.message (queue, rank, head, body) VALUES ('q', 0, '', '')`)
  const planned = await postgresStore.migrate?.(url, {} as never, true)
  expect(planned).toMatchObject({ from: 1, to: versionOf(POSTGRES_STEPS), minCompatible: 1 })
  await postgresStore.migrate?.(url, {} as never, false)
  expect(await query(url, 'SELECT version, min_compatible FROM celeriac.meta')).toEqual([
    { version: versionOf(POSTGRES_STEPS), min_compatible: 1 },
  ])
  expect(await query(url, 'SELECT queue, waiting FROM celeriac.queues')).toEqual([{ queue: 'q', waiting: '1' }])
  expect(await requireLayout(link, address, POSTGRES_STEPS.slice(0, 1))).toBeUndefined()
})

test('a migration that takes longer than the limit of a silent connection is carried out', async () => {
  const url = await emptyPostgres()
  const address = parsePostgresUrl(url)
  // As `celeriac migrate` opens it.
  const link = await Link.open(address, { name: 'test', openTimeout: 10_000, statementTimeout: 0 })
  onTestFinished(() => link.close())
  const slow: PostgresStep = {
    ...{ version: 3, minCompatible: 1, describe: 'takes its time', sql: '' },
    run: (execute) => execute('SELECT pg_sleep(2.5)'),
  }
  expect(await requireLayout(link, address, [...POSTGRES_STEPS, slow])).toMatchObject({ from: 0, to: 3 })
})
