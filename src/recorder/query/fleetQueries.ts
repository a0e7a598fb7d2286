import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { requireLimit } from '../../backend/cursor.ts'
import { ClusterWorker } from '../../events/clusterWorker.ts'
import { Coverage } from '../file/coverage.ts'
import { Lease } from '../file/lease.ts'
import type { AuditEntry, AuditPage, AuditQuery, Gap, RecordedWorker, RecordingStatus } from '../recording.ts'
import { cursorNumber } from './conditions.ts'

const DAY_MS = 24 * 3600 * 1000
const MAX_WORKERS = 5000

interface WorkerRow {
  readonly name: string
  readonly seen: number
  readonly started_at: number | null
  readonly stopped_at: number | null
  readonly facts: string
}

/** Answers questions about workers, gaps, the audit log and the recorder itself. Only reads. */
export class FleetQueries {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #coverage: Coverage
  readonly #lease: Lease

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
    this.#coverage = new Coverage(db)
    this.#lease = new Lease(db)
  }

  workers(now: number): RecordedWorker[] {
    const rows = this.#db
      .prepare('SELECT * FROM worker WHERE seen >= ? ORDER BY name LIMIT ?')
      .all(now - DAY_MS, MAX_WORKERS) as unknown as WorkerRow[]
    return rows.map((row) => {
      const worker = new ClusterWorker(row.name)
      Object.assign(worker, JSON.parse(row.facts))
      worker.seen = row.seen
      const { active, processed, loadavg, pid, software, version, system } = worker
      return {
        name: row.name,
        isAlive: row.stopped_at === null && worker.isAlive(now),
        seenAt: row.seen,
        startedAt: row.started_at ?? undefined,
        stoppedAt: row.stopped_at ?? undefined,
        ...{ active, processed, loadavg, pid, software, version, system },
      }
    })
  }

  gaps({ from, to }: { readonly from: number; readonly to: number }, now: number): Gap[] {
    return this.#coverage.gaps(from, Math.min(to, now), this.#lease.current(now) !== undefined)
  }

  auditLog({ who, action, since = 0, until = Number.MAX_VALUE, limit, cursor }: AuditQuery): AuditPage {
    requireLimit(limit)
    const before = cursorNumber(cursor, Number.MAX_SAFE_INTEGER)
    const filters = [who, action].map((value, at) =>
      value === undefined ? '' : ` AND ${at === 0 ? 'who' : 'action'} = ?`,
    )
    const values = [who, action].filter((value) => value !== undefined)
    const rows = this.#db
      .prepare(
        `SELECT id, entry FROM audit WHERE id < ? AND at >= ? AND at < ?${filters.join('')} ORDER BY id DESC LIMIT ?`,
      )
      .all(before, since, until, ...values, limit + 1) as { id: number; entry: string }[]
    const entries = rows.slice(0, limit).map(({ entry }) => JSON.parse(entry) as AuditEntry)
    return rows.length > limit ? { entries, cursor: String(rows[limit - 1]?.id) } : { entries }
  }

  note(key: string): string | undefined {
    const row = this.#db.prepare('SELECT value FROM note WHERE key = ?').get(key) as { value: string } | undefined
    return row?.value
  }

  status(now: number): RecordingStatus {
    const recorder = this.#lease.recording(now)
    const { problem, jobs } = this.#db.prepare('SELECT problem, jobs FROM recorder').get() as {
      problem: string | null
      jobs: number
    }
    const { events } = this.#db
      .prepare('SELECT coalesce(max(number) - min(number) + 1, 0) AS events FROM event')
      .get() as { events: number }
    return {
      file: this.#path,
      bytes: this.#bytes(),
      isRecording: recorder !== undefined,
      recorder,
      jobs,
      events,
      problem: problem ?? undefined,
    }
  }

  #bytes(): number {
    const sizes = ['', '-wal'].map((suffix) => statSync(this.#path + suffix, { throwIfNoEntry: false })?.size ?? 0)
    if (this.#path !== ':memory:') return sizes.reduce((sum, size) => sum + size, 0)
    const number = (name: string): number =>
      (this.#db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name] as number
    return number('page_count') * number('page_size')
  }
}
