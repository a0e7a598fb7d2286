import { DatabaseSync } from 'node:sqlite'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

/**
 * Sells in transactions of its own. `before`, `after`: in one, and is killed before or after its commit. `once`: in one,
 * and ends. `always`: every second one is rolled back, until it is killed; it begins with this number.
 */
const [path = '', moment, first = '0'] = process.argv.slice(2)
const app = new App({ broker: `sqlite:${path}`, logger: createLogger('silent') })
await app.connect()
const db = new DatabaseSync(path, { timeout: 10_000 })
const insert = db.prepare('INSERT INTO purchase (name) VALUES (?)')

async function sell(name: string): Promise<void> {
  db.exec('BEGIN IMMEDIATE')
  insert.run(name)
  await app.within(db, () => app.send('pack', [name], { tags: ['a'] }))
}

if (moment === 'always')
  for (let number = Number(first); ; number++) {
    await sell(String(number))
    db.exec(number % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
    await new Promise((resolve) => setImmediate(resolve))
  }

await sell('killed')
if (moment !== 'before') db.exec('COMMIT')
if (moment !== 'once') process.kill(process.pid, 'SIGKILL')
db.close()
await app.close()
