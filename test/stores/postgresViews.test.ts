import { expect, onTestFinished, test } from 'vitest'
import { Tables } from '../broker/postgres/tables.ts'
import { emptyPostgres, query } from '../postgres/shared.ts'

/** Settings with which the server reads even a small table by several processes. */
const PARALLEL = ['min_parallel_table_scan_size', 'parallel_setup_cost', 'parallel_tuple_cost']

test('one record that PostgreSQL cannot read as JSON does not hide the others, nor does a parallel query', async () => {
  const url = await emptyPostgres()
  const tables = await Tables.open(url, onTestFinished)
  const [[name] = []] = await tables.sql('SELECT quote_ident(current_database())')
  for (const setting of PARALLEL) await tables.sql(`ALTER DATABASE ${name} SET ${setting} = 0`)
  const results = {
    plain: String.raw`"a\nb"`,
    zero: String.raw`"a\u0000b"`,
    half: String.raw`["\ud800x", "x\udc00"]`,
    escaped: String.raw`"\\u0000 \u0000"`,
    nan: 'NaN',
  }
  for (const [id, result] of Object.entries(results))
    await tables.sql(
      `INSERT INTO celeriac.result (id, state, final, created, expires, format, meta)
      VALUES ($1, 'SUCCESS', true, 0, 0, 'application/json', $2)`,
      ...[id, `{"result": ${result}, "retries": 1}`],
    )
  await tables.sql('ANALYZE celeriac.result')
  const rows = await query<{ id: string; result: unknown }>(
    url,
    `SELECT id, result FROM celeriac.jobs WHERE state = 'SUCCESS'`,
  )
  expect(Object.fromEntries(rows.map(({ id, result }) => [id, result]))).toEqual({
    plain: 'a\nb',
    zero: 'a\ufffdb',
    half: ['\ufffdx', 'x\ufffd'],
    escaped: '\\u0000 \ufffd',
    nan: null,
  })
})
