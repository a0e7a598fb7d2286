/*
 * The least that must be done: a loop over node:sqlite that queues messages with their records, then claims and completes
 * them, 100 per transaction. No message format, no promises, no task, no lease, no other process on the file.
 */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import type { Order } from '../harness/order.ts'
import { type Roles, runProgram } from './program.ts'
import { countCalls } from './statements.ts'
import { idOf, taskOf } from './taskBytes.ts'

const BATCH = 100
/** As long as an encoded message and its record are. */
const HEAD = 'h'.repeat(57)
const META = 'm'.repeat(66)
const DONE = 'd'.repeat(190)

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  db.exec(`CREATE TABLE IF NOT EXISTS message (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, head TEXT NOT NULL, owner INTEGER) STRICT;
    CREATE INDEX IF NOT EXISTS ready ON message (seq) WHERE owner IS NULL;
    CREATE TABLE IF NOT EXISTS result (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, meta TEXT NOT NULL) STRICT`)
  return db
}

await runProgram(({ url }: Order): Roles => {
  const operations = countCalls([
    [DatabaseSync.prototype, ['exec']],
    [StatementSync.prototype, ['run', 'get', 'all', 'iterate']],
  ])
  const db = open(url.replace(/^sqlite:/, ''))
  const message = db.prepare('INSERT INTO message (id, head) VALUES (?, ?)')
  const record = db.prepare("INSERT INTO result (id, state, meta) VALUES (?, 'PENDING', ?)")
  const claim = db.prepare(`UPDATE message SET owner = 1 WHERE seq IN
    (SELECT seq FROM message WHERE owner IS NULL ORDER BY seq LIMIT ${BATCH}) RETURNING seq, id, head`)
  const complete = db.prepare('DELETE FROM message WHERE seq = ? AND owner = 1')
  const end = db.prepare("UPDATE result SET state = 'SUCCESS', meta = ? WHERE id = ?")

  function submit(tasks: readonly number[]): void {
    db.exec('BEGIN IMMEDIATE')
    for (const task of tasks) {
      const id = idOf(task)
      message.run(id, HEAD)
      record.run(id, META)
    }
    db.exec('COMMIT')
  }

  function drainBatch(run: (task: number) => void): number {
    db.exec('BEGIN IMMEDIATE')
    const claimed = claim.all() as unknown as { seq: number; id: string }[]
    for (const { seq, id } of claimed) {
      run(taskOf(id))
      complete.run(seq)
      end.run(DONE, id)
    }
    db.exec('COMMIT')
    return claimed.length
  }

  return {
    async fill(tasks) {
      for (let from = 0; from < tasks; from += BATCH) {
        submit(Array.from({ length: Math.min(BATCH, tasks - from) }, (_, index) => from + index))
      }
    },
    async enqueue(pace) {
      for (let tasks = pace.takeMany(BATCH); tasks.length > 0; tasks = pace.takeMany(BATCH)) {
        submit(tasks)
        pace.done(tasks.length)
        await turn()
      }
    },
    async work(run, done) {
      let running = true
      const loop = (async () => {
        while (running) {
          const count = drainBatch(run)
          if (count > 0) done(count)
          await turn()
        }
      })()
      return {
        stop() {
          running = false
          return loop
        },
      }
    },
    operations,
    close: async () => db.close(),
  }
})
