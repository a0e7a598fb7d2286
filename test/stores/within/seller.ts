import pg from 'pg'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

/**
 * Sells in transactions of its own. `before`, `after`: in one, and is killed before or after its commit. `always`: every
 * second one is rolled back, until it is killed; it begins with this number.
 */
const [url = '', moment, first = '0'] = process.argv.slice(2)
const app = new App({ broker: url, logger: createLogger('silent') })
const client = new pg.Client({ connectionString: url, application_name: 'seller' })
await client.connect()

async function sell(name: string): Promise<void> {
  await client.query('BEGIN')
  await client.query('INSERT INTO purchase (name) VALUES ($1)', [name])
  await app.within(client, () => app.send('pack', [name], { tags: ['a'] }))
}

if (moment === 'always')
  for (let number = Number(first); ; number++) {
    await sell(String(number))
    await client.query(number % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
  }

await sell('killed')
if (moment === 'after') await client.query('COMMIT')
process.kill(process.pid, 'SIGKILL')
