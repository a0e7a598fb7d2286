import type { StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type KeptAmount,
  type KeptRow,
  type KeptRows,
  type Read,
  readUpTo,
  type Wanted,
} from '../../../backend/bounds/keeping.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow, writeInWindows } from '../window.ts'

const BYTES = `octet_length(meta) + coalesce(
  (SELECT octet_length(input) FROM celeriac_origin AS o WHERE o.seq = r.seq), 0)`
const EVENTS = '(SELECT count(*) FROM celeriac_event WHERE job = r.seq)'
const EVENT_BYTES = '(SELECT coalesce(sum(octet_length(meta)), 0) FROM celeriac_event WHERE job = r.seq)'
const PAGE = '(SELECT * FROM celeriac_result WHERE seq > :after ORDER BY seq LIMIT :limit + 0) AS r'

/** How many rows were read, and the number of the last. */
interface End {
  readonly read: number
  readonly last: number
}

/** The records of a file, as far as it matters how much they are. A read takes some milliseconds. */
export class SqliteKeptRows implements KeptRows {
  readonly #file: SqliteFile
  readonly #sum: StatementSync
  readonly #sumWithEvents: StatementSync
  readonly #end: StatementSync
  readonly #ended: StatementSync
  readonly #endedWithEvents: StatementSync
  readonly #drop: StatementSync
  readonly #dropLog: StatementSync

  constructor(file: SqliteFile) {
    this.#file = file
    const { db } = file
    const sum = (events: string, bytes: string): StatementSync =>
      db.prepare(`SELECT count(*) AS read, coalesce(max(seq), 0) AS last, coalesce(sum(final), 0) AS results,
        coalesce(sum(CASE WHEN final = 1 THEN ${BYTES} END), 0) AS resultBytes,
        coalesce(sum(${events}), 0) AS events, coalesce(sum(${bytes}), 0) AS eventBytes FROM ${PAGE}`)
    this.#sum = sum('0', '0')
    this.#sumWithEvents = sum(EVENTS, EVENT_BYTES)
    this.#end = db.prepare(`SELECT count(*) AS read, coalesce(max(seq), 0) AS last FROM ${PAGE}`)
    const ended = (events: string, bytes: string): StatementSync =>
      db.prepare(`SELECT CAST(seq AS TEXT) AS key, expires, ${BYTES} AS bytes, ${events} AS events, ${bytes} AS eventBytes FROM ${PAGE}
        WHERE final = 1 AND expires <= :until AND (seq * 40503 / 64) % :oneOf = 0 ORDER BY seq`)
    this.#ended = ended('0', '0')
    this.#endedWithEvents = ended(EVENTS, EVENT_BYTES)
    this.#drop = db.prepare('DELETE FROM celeriac_result WHERE seq = ? AND final = 1')
    this.#dropLog = db.prepare(`DELETE FROM celeriac_event
      WHERE job = (SELECT seq FROM celeriac_result WHERE seq = :seq AND final = 1)
        AND seq < (SELECT max(seq) FROM celeriac_event WHERE job = :seq)`)
  }

  async sum(from: string, limit: number, events: boolean): Promise<Read & KeptAmount> {
    await nextTurn()
    const sum = events ? this.#sumWithEvents : this.#sum
    const found = await this.#file.read(() => sum.get({ after: Number(from), limit }))
    const { read, last, ...amount } = found as unknown as End & KeptAmount
    return { ...amount, ...readUpTo(last, read, limit) }
  }

  async ended(
    from: string,
    limit: number,
    { until, oneOf, events }: Wanted,
  ): Promise<Read & { readonly rows: readonly KeptRow[] }> {
    await nextTurn()
    const ended = events ? this.#endedWithEvents : this.#ended
    const after = Number(from)
    return this.#file.read(() => {
      const rows = ended.all({ after, limit, until, oneOf }) as unknown as readonly KeptRow[]
      const { read, last } = this.#end.get({ after, limit }) as unknown as End
      return { ...readUpTo(last, read, limit), rows }
    })
  }

  drop(rows: readonly KeptRow[]): Promise<void> {
    return this.#each(rows, (seq) => this.#drop.run(seq))
  }

  dropLogs(rows: readonly KeptRow[]): Promise<void> {
    return this.#each(rows, (seq) => this.#dropLog.run({ seq }))
  }

  #each(rows: readonly KeptRow[], run: (seq: number) => unknown): Promise<void> {
    const left = rows.map(({ key }) => Number(key))
    return writeInWindows(
      this.#file.writer,
      () =>
        changeWindow((limit) => {
          const some = left.splice(0, limit)
          for (const seq of some) run(seq)
          return some.length
        }),
      { unref: true },
    )
  }
}
