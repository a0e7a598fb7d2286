import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { Outbox, outboxSchema } from '../../src/outbox/outbox.ts'
import { createLogger } from '../../src/std/log.ts'
import { eventually } from '../wait.ts'
import { project, run, runShared, start } from './harness.ts'

const TASKS = `
import { Celeriac } from 'celeriac'
import { outboxSchema } from 'celeriac/outbox'

export const app = new Celeriac({ name: 'shop', broker: 'sqlite:jobs.db' })
app.task('pack', (what) => what + outboxSchema('sqlite').length)
`

test('outbox publishes the jobs of a database, until a signal', async () => {
  const folder = project({ 'tasks.ts': TASKS })
  const module = ['-A', 'tasks.ts']
  const missing = await runShared(folder, ['outbox', ...module, '--database', 'shop.db'])
  expect(missing).toMatchObject({ code: 2, stdout: '' })
  expect(missing.stderr).toMatch(/^celeriac: outbox: expected a SQLite file, got sqlite:.*shop.db: .*\n$/)
  const db = new DatabaseSync(join(folder, 'shop.db'))
  const empty = await run(folder, ['outbox', ...module, '--database', 'shop.db'])
  expect(empty.code).toBe(2)
  expect(empty.stderr).toContain('no such table: celeriac_outbox: make it by what outboxSchema() returns')
  db.exec(outboxSchema('sqlite'))
  const app = new App({ broker: `sqlite:${join(folder, 'jobs.db')}`, logger: createLogger('silent') })
  const relay = start(folder, ['outbox', ...module, '--database', 'shop.db'])
  await relay.until(/^outbox of shop: shop.db to sqlite:\S+jobs.db\n/)
  db.exec('BEGIN')
  const sent = await new Outbox(app).add(db, app.signature('pack', ['tea']))
  db.exec('COMMIT')
  await eventually(
    () => sent.state(),
    (state) => state === 'PENDING',
  )
  relay.child.kill('SIGTERM')
  expect(await relay.ended).toMatchObject({ code: 0 })
  await app.close()
  db.close()
})
