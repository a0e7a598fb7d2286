import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
import pg from 'pg'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../../src/tasks/current.ts'

/** Where a run is ended by force, at its first attempt. */
export type Edge = 'before' | 'row' | 'written' | 'committed'

const { SHOP_URL: url = '' } = process.env

/** Whose workers are killed. */
export const app = new App({ broker: url, lease: '1s', logger: createLogger('silent') })

app.task(
  'charge',
  async (edge: Edge | null) => {
    const ctx = currentTask() as TaskContext
    const pass = async (here: Edge): Promise<void> => {
      if (edge !== here || ctx.attempt > 1) return
      // A thread ends by itself alone; so that it is this one that counts, nothing runs after it.
      if (isMainThread) process.kill(process.pid, 'SIGKILL')
      else process.exit(3)
      await new Promise(() => undefined)
    }
    await pass('before')
    await (url.startsWith('sqlite:') ? onSqlite(ctx, pass) : onPostgres(ctx, pass))
    await pass('committed')
    return ctx.id
  },
  { retry: { max: 3, backoff: [0] } },
)

type Pass = (edge: Edge) => Promise<void>

async function onSqlite(ctx: TaskContext, pass: Pass): Promise<void> {
  const db = new DatabaseSync(url.slice('sqlite:'.length), { timeout: 20_000 })
  db.exec('BEGIN IMMEDIATE')
  db.prepare('INSERT INTO purchase (name) VALUES (?)').run(ctx.id)
  await pass('row')
  await ctx.completeWithin(db, ctx.id)
  await pass('written')
  db.exec('COMMIT')
  db.close()
}

async function onPostgres(ctx: TaskContext, pass: Pass): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN')
  await client.query('INSERT INTO purchase (name) VALUES ($1)', [ctx.id])
  await pass('row')
  await ctx.completeWithin(client, ctx.id)
  await pass('written')
  await client.query('COMMIT')
  await client.end()
}
