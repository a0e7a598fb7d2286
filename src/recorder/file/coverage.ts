import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Gap } from '../recording.ts'

interface Span {
  readonly since: number
  readonly until: number
}

/** Gaps that one answer has. */
const MAX_GAPS = 1000

/** When events were recorded, and when some were lost. */
export class Coverage {
  readonly #begin: StatementSync
  readonly #extend: StatementSync
  readonly #lose: StatementSync
  readonly #spans: StatementSync
  readonly #losses: StatementSync
  readonly #before: StatementSync
  readonly #lastUntil: StatementSync

  constructor(db: DatabaseSync) {
    this.#begin = db.prepare('INSERT INTO coverage (since, until) VALUES (?, ?)')
    this.#extend = db.prepare('UPDATE coverage SET until = max(until, ?) WHERE id = ?')
    this.#lose = db.prepare('INSERT INTO loss (since, until, events) VALUES (?, ?, ?)')
    this.#spans = db.prepare('SELECT since, until FROM coverage WHERE until >= ? AND since <= ? ORDER BY since')
    this.#losses = db.prepare(
      'SELECT since, until, events FROM loss WHERE until >= ? AND since <= ? ORDER BY since LIMIT 1000',
    )
    this.#before = db.prepare('SELECT min(since) AS first FROM coverage')
    this.#lastUntil = db.prepare('SELECT max(until) AS last FROM coverage')
  }

  /** A recorder begins. Returns the number of its time. */
  begin(at: number): number {
    return Number(this.#begin.run(at, at).lastInsertRowid)
  }

  /** All events that came until then are written. */
  extend(id: number, until: number): void {
    this.#extend.run(until, id)
  }

  lose(since: number, until: number, events: number | undefined): void {
    this.#lose.run(since, until, events ?? null)
  }

  /** `running`: a recorder runs now, so that what follows the last time that is written is no gap yet. */
  gaps(from: number, to: number, running: boolean): Gap[] {
    const { first } = this.#before.get() as { first: number | null }
    const { last } = this.#lastUntil.get() as { last: number | null }
    const end = running ? Math.max(from, Math.min(to, last ?? to)) : to
    const gaps: Gap[] = []
    // Before the first recorder nothing is known: that is one gap, too.
    let at = from
    if (first === null) return [{ from, to, reason: 'unrecorded' }]
    for (const { since, until } of this.#spans.all(from, to) as unknown as Span[]) {
      if (since > at) gaps.push({ from: at, to: Math.min(since, to), reason: 'unrecorded' })
      at = Math.max(at, until)
    }
    if (at < end) gaps.push({ from: at, to: end, reason: 'unrecorded' })
    const losses = this.#losses.all(from, to) as unknown as (Span & { events: number | null })[]
    for (const { since, until, events } of losses)
      gaps.push({
        from: Math.max(since, from),
        to: Math.min(until, to),
        reason: 'lost',
        ...(events !== null && { events }),
      })
    return gaps.sort((a, b) => a.from - b.from).slice(0, MAX_GAPS)
  }
}
