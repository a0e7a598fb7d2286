/*
 * `produce`: buys in transactions with a job each, of which every second one is rolled back, until it is killed; the
 * names are numbers from the given one on. `relay`: publishes the jobs.
 */
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { App } from '../../src/app/app.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { createLogger } from '../../src/std/log.ts'

const [role, database = '', broker = '', backend = '', first = '0'] = process.argv.slice(2)
const app = new App({ broker, backend, logger: createLogger('silent') })
const outbox = new Outbox(app)

/** Runs a statement, with a name where it has a parameter. */
type Run = (sql: string, name?: string) => unknown

async function opened(): Promise<{ client: object; run: Run }> {
  if (database.startsWith('sqlite:')) {
    const db = new DatabaseSync(database.slice('sqlite:'.length), { timeout: 20_000 })
    return { client: db, run: (sql, name) => db.prepare(sql).run(...(name === undefined ? [] : [name])) }
  }
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  return { client, run: (sql, name) => client.query(sql.replace('?', '$1'), name === undefined ? [] : [name]) }
}

async function produce(): Promise<void> {
  const { client, run } = await opened()
  for (let number = Number(first); ; number++) {
    const name = String(number)
    await run(database.startsWith('sqlite:') ? 'BEGIN IMMEDIATE' : 'BEGIN')
    await run('INSERT INTO purchase (name) VALUES (?)', name)
    await outbox.add(client, app.signature('pack', [name]))
    await run(number % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

if (role === 'relay') await outbox.relay({ database, batch: 20 }).start()
else await produce()
