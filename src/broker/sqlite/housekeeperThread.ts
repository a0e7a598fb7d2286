import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase } from './database.ts'
import type { HouseCommand, HouseFacts, HouseReport } from './housekeeper.ts'
import { Leases } from './leases.ts'

/* The thread of `Housekeeper`. It may block: nobody waits for it. */

/** How often it looks at the log's size, ms; above the first size it moves pages into the file, above the second it has the log begun anew. */
const CHECKPOINT_EVERY = 500
const CHECKPOINT_FROM = 4 * 2 ** 20
const RESTART_FROM = 64 * 2 ** 20

const { path, lease } = workerData as HouseFacts
const port = parentPort as NonNullable<typeof parentPort>
const db: DatabaseSync = openDatabase(path)
db.exec('PRAGMA busy_timeout = 5000')
const leases = new Leases(db)
const ids = new Set<number>()
/** Consumers that were found expired at the last look, and until when their lease ran: only one that is so twice is dead, so that a clock that jumps, or a machine that slept, kills nobody. */
let suspects = new Map<number, number>()

function keep(): void {
  if (ids.size === 0) return
  const lost: number[] = []
  transaction(lost, () => {
    for (const id of ids) if (!leases.renew(id, Date.now() + lease)) lost.push(id)
    const found = new Map<number, number>()
    for (const { id, until } of leases.expired(Date.now())) {
      if (suspects.get(id) === until) leases.lose(id)
      else found.set(id, until)
    }
    suspects = found
  })
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

// It listens from now on.
report(undefined)
port.on('message', (command: HouseCommand) => {
  if ('add' in command) {
    ids.add(command.add)
    // The first look at once: whoever is dead already is so found a quarter of a lease from now.
    if (ids.size === 1) keep()
  }
  if ('remove' in command) ids.delete(command.remove)
  if ('close' in command) {
    clearInterval(keeping)
    clearInterval(checkpointing)
    db.close()
    port.close()
  }
})
