import pg from 'pg'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

/** Sells in one transaction, and is killed before or after its commit. */
const [url = '', moment] = process.argv.slice(2)
const app = new App({ broker: url, logger: createLogger('silent') })
const client = new pg.Client({ connectionString: url, application_name: 'seller' })
await client.connect()
await client.query('BEGIN')
await client.query("INSERT INTO purchase (name) VALUES ('killed')")
await app.within(client, () => app.send('pack', ['killed'], { tags: ['a'] }))
if (moment === 'after') await client.query('COMMIT')
process.kill(process.pid, 'SIGKILL')
