import { expect, onTestFinished, test } from 'vitest'
import { Database } from '../../src/stores/postgres/connection/database.ts'
import { parsePostgresUrl } from '../../src/stores/postgres/connection/url.ts'
import { emptyPostgres } from './shared.ts'

test('a value that cannot be sent is refused before anything is: the connection stays as it was', async () => {
  const database = new Database(parsePostgresUrl(await emptyPostgres()), { name: 'pipeline', size: 1 })
  onTestFinished(() => database.close())
  const ask = (value: unknown) =>
    database.run([
      { statement: { name: 'one', text: 'SELECT 1' }, values: [] },
      { statement: { name: 'text', text: 'SELECT $1::text' }, values: [value as string] },
    ])
  // From JavaScript, or past a cast.
  await expect(ask(['celery'])).rejects.toThrow(TypeError)
  expect(await ask('celery')).toEqual([[['1']], [['celery']]])
})
