import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase } from './database.ts'
import type { HouseCommand, HouseFacts, HouseReport } from './housekeeper.ts'

/* The thread of `Housekeeper`. It may block: nobody waits for it. */

/** How often it looks at the log's size, ms; above the first size it moves pages into the file, above the second it has the log begun anew. */
const CHECKPOINT_EVERY = 500
const CHECKPOINT_FROM = 4 * 2 ** 20
const RESTART_FROM = 64 * 2 ** 20

const { path, lease } = workerData as HouseFacts
const port = parentPort as NonNullable<typeof parentPort>
const db: DatabaseSync = openDatabase(path)
db.exec('PRAGMA busy_timeout = 5000')
const renew = db.prepare('UPDATE consumer SET lease_until = ? WHERE id = ?')
const expired = db.prepare('SELECT id, lease_until FROM consumer WHERE lease_until < ?')
const lose = db.prepare('UPDATE message SET owner = NULL, lost = lost + 1 WHERE owner = ?')
const dropQueues = db.prepare('DELETE FROM message WHERE queue IN (SELECT queue FROM binding WHERE consumer = ?)')
const unbind = db.prepare('DELETE FROM binding WHERE consumer = ?')
const end = db.prepare('DELETE FROM consumer WHERE id = ?')
const ids = new Set<number>()
/** Consumers that were found expired at the last look, and until when their lease ran: only one that is so twice is dead, so that a clock that jumps kills nobody. */
let suspects = new Map<number, number>()

function keep(): void {
  if (ids.size === 0) return
  const lost: number[] = []
  transaction(lost, () => {
    for (const id of ids) if (Number(renew.run(Date.now() + lease, id).changes) === 0) lost.push(id)
    const found = new Map<number, number>()
    for (const row of expired.all(Date.now()) as unknown as { id: number; lease_until: number }[]) {
      if (suspects.get(row.id) === row.lease_until) bury(row.id)
      else found.set(row.id, row.lease_until)
    }
    suspects = found
  })
}

function bury(id: number): void {
  lose.run(id)
  dropQueues.run(id)
  unbind.run(id)
  end.run(id)
}

function transaction(lost: readonly number[], work: () => void): void {
  try {
    db.exec('BEGIN IMMEDIATE')
    work()
    db.exec('COMMIT')
    for (const id of lost) ids.delete(id)
    report(undefined, lost)
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    report(error as Error)
  }
}

function checkpoint(): void {
  const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (size < CHECKPOINT_FROM) return
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    if (size > RESTART_FROM) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    report(error as Error)
  }
}

function report(problem: Error | undefined, lost: readonly number[] = []): void {
  port.postMessage({ problem, lost } satisfies HouseReport)
}

const keeping = setInterval(keep, lease / 4)
const checkpointing = setInterval(checkpoint, CHECKPOINT_EVERY)

port.on('message', (command: HouseCommand) => {
  if ('add' in command) ids.add(command.add)
  if ('remove' in command) ids.delete(command.remove)
  if ('close' in command) {
    clearInterval(keeping)
    clearInterval(checkpointing)
    db.close()
    port.close()
  }
})
