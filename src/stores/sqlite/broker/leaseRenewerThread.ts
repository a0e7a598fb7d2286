import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../../std/clock.ts'
import { versionOf } from '../../migration.ts'
import { openDatabase } from '../database.ts'
import { Meta } from '../meta.ts'
import { SQLITE_STEPS } from '../migrations.ts'
import { pauseAfter } from '../window.ts'
import type { LeaseCommand, LeaseFacts, LeaseReport } from './leaseRenewer.ts'
import { Leases } from './leases.ts'

/* The thread of `LeaseRenewer`. It may block: no other thread waits for it. */

/**
 * How often the thread checks the log's size, ms. Above the first size it moves pages into the file, above the second
 * it has the log restarted.
 */
const CHECKPOINT_INTERVAL_MS = 500
const CHECKPOINT_MIN_BYTES = 4 * 2 ** 20
const RESTART_MIN_BYTES = 64 * 2 ** 20

const { path, lease } = workerData as LeaseFacts
const port = parentPort as NonNullable<typeof parentPort>
const db: DatabaseSync = openDatabase(path)
db.exec('PRAGMA busy_timeout = 5000')
const meta = new Meta(db, versionOf(SQLITE_STEPS))
const leases = new Leases(db)
const ids = new Set<number>()
const CHECK_INTERVAL_MS = lease / 4
/**
 * Of all consumers: when their lease ends, and since when this thread has seen it end then, by a clock that does not
 * jump. A consumer is dead that is expired and was not renewed for a part of its lease, as seen here: a clock that
 * jumps, or is wrong, ends none.
 */
let seen = new Map<number, { readonly until: number; readonly since: number }>()
/** When the last check was, by the same clock. */
let checked = performance.now()
/** Dead consumers whose messages are being rescued. */
const losing = new Set<number>()

function keep(): void {
  if (ids.size === 0) return
  const lost: number[] = []
  const dead: number[] = []
  const done = transaction(lost, () => {
    for (const id of ids) if (!leases.renew(id, systemClock.now() + lease)) lost.push(id)
    const found: typeof seen = new Map()
    const now = performance.now()
    // The machine, or this process, stood still: so may have the others, which now renew their leases.
    const known = now - checked > 2 * CHECK_INTERVAL_MS ? undefined : seen
    for (const { id, until, patience } of leases.all(systemClock.now())) {
      const before = known?.get(id)
      const since = before?.until === until ? before.since : now
      found.set(id, { until, since })
      if (patience !== null && now - since >= patience) dead.push(id)
    }
    seen = found
    checked = now
  })
  if (done) for (const id of dead) void lose(id)
}

/**
 * In windows, so that other processes wait only briefly for the lock. If this process ends before, another one finds
 * the rest.
 */
async function lose(id: number): Promise<void> {
  if (losing.has(id)) return
  losing.add(id)
  for (let more = true; more && db.isOpen; ) {
    let started = 0
    more = false
    const done = transaction([], () => {
      started = performance.now()
      more = leases.loseSome(id)
    })
    // After a failure the next check finds it again.
    if (!done || !more) break
    await new Promise((resolve) => setTimeout(resolve, pauseAfter(performance.now() - started)))
  }
  losing.delete(id)
}

/** True when it was committed. */
function transaction(lost: readonly number[], work: () => void): boolean {
  try {
    db.exec('BEGIN IMMEDIATE')
    meta.begin()
    work()
    db.exec('COMMIT')
    for (const id of lost) ids.delete(id)
    report(undefined, lost)
    return true
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    report(error as Error)
    return false
  }
}

function checkpoint(): void {
  const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (size < CHECKPOINT_MIN_BYTES) return
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    if (size > RESTART_MIN_BYTES) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    report(error as Error)
  }
}

function report(problem: Error | undefined, lost: readonly number[] = []): void {
  port.postMessage({ problem, lost } satisfies LeaseReport)
}

const keeping = setInterval(keep, CHECK_INTERVAL_MS)
const checkpointing = setInterval(checkpoint, CHECKPOINT_INTERVAL_MS)

// From now on it handles commands.
report(undefined)
port.on('message', (command: LeaseCommand) => {
  if ('add' in command) {
    ids.add(command.add)
    // The first check at once: a consumer that is dead already is confirmed dead half of a lease from now.
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
