import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ClusterWorker } from '../../events/clusterWorker.ts'
import type { Event } from '../../protocol/event.ts'

/** Events of a worker whose repetition is recognized. */
const MAX_RECENT = 16
/** Workers that are kept; the one that was not seen for the longest time goes first. */
const MAX_WORKERS = 10_000

interface WorkerRow {
  readonly name: string
  readonly seen: number
  readonly started_at: number | null
  readonly stopped_at: number | null
  readonly facts: string
  readonly recent: string
}

interface WorkerEntry {
  readonly worker: ClusterWorker
  startedAt: number | undefined
  stoppedAt: number | undefined
  recent: string[]
}

type Facts = Pick<
  ClusterWorker,
  'freq' | 'pid' | 'active' | 'processed' | 'loadavg' | 'software' | 'version' | 'system'
>

/** Workers, as their events describe them. */
export class Workers {
  readonly #entries = new Map<string, WorkerEntry>()
  readonly #changed = new Set<WorkerEntry>()
  readonly #find: StatementSync
  readonly #write: StatementSync

  constructor(db: DatabaseSync) {
    this.#find = db.prepare('SELECT * FROM worker WHERE name = ?')
    this.#write = db.prepare('INSERT OR REPLACE INTO worker VALUES (?, ?, ?, ?, ?, ?)')
  }

  /** An event of a worker. False for one that came before. */
  fold(event: Event, now: number): boolean {
    const entry = this.#entry(event.hostname)
    const identity = `${event.type} ${event.timestamp} ${event.clock ?? 0}`
    if (entry.recent.includes(identity)) return false
    entry.recent.push(identity)
    if (entry.recent.length > MAX_RECENT) entry.recent.shift()
    const { worker } = entry
    worker.update(event)
    if (event.type === 'worker-online') entry.startedAt = event.timestamp * 1000
    const isEnd = event.type === 'worker-offline'
    entry.stoppedAt = isEnd ? event.timestamp * 1000 : undefined
    worker.see(now)
    this.#changed.add(entry)
    return true
  }

  /** A worker has sent an event of a task. */
  see(name: string, now: number): void {
    const entry = this.#entry(name)
    if (entry.stoppedAt !== undefined) entry.stoppedAt = undefined
    entry.worker.see(now)
    this.#changed.add(entry)
  }

  save(): void {
    for (const { worker, startedAt, stoppedAt, recent } of this.#changed) {
      const { hostname, seen, freq, pid, active, processed, loadavg, software, version, system } = worker
      const facts: Facts = { freq, pid, active, processed, loadavg, software, version, system }
      const moments = [seen, startedAt ?? null, stoppedAt ?? null]
      this.#write.run(hostname, ...moments, JSON.stringify(facts), JSON.stringify(recent))
    }
    this.#changed.clear()
    for (const name of this.#entries.keys()) {
      if (this.#entries.size <= MAX_WORKERS) return
      this.#entries.delete(name)
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#changed.clear()
  }

  #entry(name: string): WorkerEntry {
    const known = this.#entries.get(name)
    if (known) return known
    const row = this.#find.get(name) as WorkerRow | undefined
    const worker = new ClusterWorker(name)
    if (row) {
      Object.assign(worker, JSON.parse(row.facts))
      worker.seen = row.seen
    }
    const entry = {
      worker,
      startedAt: row?.started_at ?? undefined,
      stoppedAt: row?.stopped_at ?? undefined,
      recent: row ? (JSON.parse(row.recent) as string[]) : [],
    }
    this.#entries.set(name, entry)
    return entry
  }
}
