/* Holds messages of a PostgreSQL database by claims of its own. Arguments: URL, lease (ms), seqs. */
import { register } from '../../../src/stores/postgres/broker/leases.ts'
import { Database } from '../../../src/stores/postgres/connection/database.ts'
import { Session } from '../../../src/stores/postgres/connection/session.ts'
import { parsePostgresUrl } from '../../../src/stores/postgres/connection/url.ts'
import { block } from '../../wait.ts'

type Command = { readonly block: number }

const [url = '', lease, seqs = ''] = process.argv.slice(2)
const say = (message: Record<string, unknown>): boolean | undefined => process.send?.(message)

const database = new Database(parsePostgresUrl(url), { name: 'holder' })
const session = new Session({ url, name: 'holder session', lease: Number(lease) })
await session.open()
const consumer = await register(database, 'celery@child', Number(lease))
session.add(consumer, () => say({ lost: consumer }))
const text = 'INSERT INTO celeriac.claim (seq, consumer, fence) SELECT unnest($1::bigint[]), $2::bigint, 0'
await database.run([{ statement: { name: 'hold', text }, values: [`{${seqs}}`, consumer] }])
say({ held: consumer })

process.on('message', (command: Command) => {
  block(command.block)
  say({ blocked: command.block })
})
process.once('disconnect', () => Promise.all([session.close(), database.close()]))
