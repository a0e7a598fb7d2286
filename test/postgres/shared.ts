import { expect, inject } from 'vitest'
import { ask } from '../desk.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `keeper.ts` hands out databases. */
    postgres: string
  }
}

/**
 * The URL of a new, empty database on the one PostgreSQL server of the test run, which the first request starts, in
 * less than a second. The database is dropped when the process of the test has ended, or runs another test file. A test
 * that stops or spoils its server, or gives it options, starts its own (`PostgresServer`).
 */
export function emptyPostgres(): Promise<string> {
  return ask(inject('postgres'), { process: String(process.pid), file: expect.getState().testPath ?? '' })
}

/** The rows of a statement on the schema of a URL. */
export async function query<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const { default: pg } = await import('pg')
  const [plain = url, schema = 'celeriac'] = url.split('?celeriac_schema=')
  const client = new pg.Client({ connectionString: plain, options: `-c search_path=${schema}` })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

let own: { readonly file: string; readonly database: Promise<string>; readonly given: string[] } | undefined
let made = 0

/** The URL of an empty schema, in a database of this test file: less work than a database. */
export async function emptySchema(): Promise<string> {
  const file = expect.getState().testPath ?? ''
  // Some test files share a process.
  if (own?.file !== file) own = { file, database: emptyPostgres(), given: [] }
  return own.given.pop() ?? `${await own.database}?celeriac_schema=t${++made}`
}

/**
 * A schema of `emptySchema` that is empty again, but for its tables, and of no more use to the test: one of the next
 * tests of the file gets it. To make its tables takes the server 40 ms.
 */
export function giveBack(url: string): void {
  own?.given.push(url)
}
