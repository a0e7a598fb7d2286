/*
 * The least that must be done: a loop over node:sqlite that queues messages with their records, then claims and completes
 * them, 100 per transaction. No message format, no promises, no task, no lease, nobody else on the file.
 */
import { DatabaseSync } from 'node:sqlite'
import { type Cost, stopwatch } from './stopwatch.ts'

export interface Bare {
  readonly enqueued: Cost
  readonly drained: Cost
}

const BATCH = 100
/** As long as an encoded message and its record are. */
const HEAD = 'h'.repeat(57)
const META = 'm'.repeat(66)
const DONE = 'd'.repeat(190)

function open(store: string): DatabaseSync {
  const db = new DatabaseSync(store)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  db.exec(`CREATE TABLE message (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, head TEXT NOT NULL, owner INTEGER) STRICT;
    CREATE INDEX ready ON message (seq) WHERE owner IS NULL;
    CREATE TABLE result (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, meta TEXT NOT NULL) STRICT`)
  return db
}

function inBatches(db: DatabaseSync, tasks: number, work: (index: number) => void): Cost {
  const stop = stopwatch()
  for (let done = 0; done < tasks; done += BATCH) {
    db.exec('BEGIN IMMEDIATE')
    work(done)
    db.exec('COMMIT')
  }
  return stop(tasks)
}

function enqueue(db: DatabaseSync, tasks: number): Cost {
  const message = db.prepare('INSERT INTO message (id, head) VALUES (?, ?)')
  const record = db.prepare("INSERT INTO result (id, state, meta) VALUES (?, 'PENDING', ?)")
  return inBatches(db, tasks, () => {
    for (let index = 0; index < BATCH; index++) {
      const id = crypto.randomUUID()
      message.run(id, HEAD)
      record.run(id, META)
    }
  })
}

function drain(db: DatabaseSync, tasks: number): Cost {
  const claim = db.prepare(`UPDATE message SET owner = 1 WHERE seq IN
    (SELECT seq FROM message WHERE owner IS NULL ORDER BY seq LIMIT ${BATCH}) RETURNING seq, id, head`)
  const complete = db.prepare('DELETE FROM message WHERE seq = ? AND owner = 1')
  const record = db.prepare("UPDATE result SET state = 'SUCCESS', meta = ? WHERE id = ?")
  return inBatches(db, tasks, () => {
    for (const { seq, id } of claim.all() as unknown as { seq: number; id: string }[]) {
      complete.run(seq)
      record.run(DONE, id)
    }
  })
}

const { store, tasks } = JSON.parse(process.argv[2] ?? '') as { store: string; tasks: number }
const db = open(store)
const bare: Bare = { enqueued: enqueue(db, tasks), drained: drain(db, tasks) }
db.close()
process.send?.(bare)
