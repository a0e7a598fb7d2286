import type { StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KeptRow, KeptRows } from '../../../backend/bounds/keeping.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow, writeInWindows } from '../window.ts'

/** The records of a file, as far as it matters how much they are. A read takes some milliseconds. */
export class SqliteKeptRows implements KeptRows {
  readonly #file: SqliteFile
  readonly #records: StatementSync
  readonly #withEvents: StatementSync
  readonly #drop: StatementSync
  readonly #dropLog: StatementSync

  constructor(file: SqliteFile) {
    this.#file = file
    const { db } = file
    const page = (columns: string): StatementSync =>
      db.prepare(`SELECT seq, expires, final, octet_length(meta) + coalesce(
        (SELECT octet_length(input) FROM celeriac_origin AS o WHERE o.seq = r.seq), 0) AS bytes, ${columns}
        FROM celeriac_result AS r WHERE seq > ? ORDER BY seq LIMIT ? + 0`)
    this.#records = page('0 AS events, 0 AS eventBytes')
    this.#withEvents = page(`(SELECT count(*) FROM celeriac_event WHERE job = r.seq) AS events,
      (SELECT coalesce(sum(octet_length(meta)), 0) FROM celeriac_event WHERE job = r.seq) AS eventBytes`)
    this.#drop = db.prepare('DELETE FROM celeriac_result WHERE seq = ? AND final = 1')
    this.#dropLog = db.prepare(`DELETE FROM celeriac_event
      WHERE job = (SELECT seq FROM celeriac_result WHERE seq = :seq AND final = 1)
        AND seq < (SELECT max(seq) FROM celeriac_event WHERE job = :seq)`)
  }

  async page(after: number, limit: number, events: boolean): Promise<readonly KeptRow[]> {
    await nextTurn()
    const rows = await this.#file.read(() => (events ? this.#withEvents : this.#records).all(after, limit))
    return (rows as unknown as (Omit<KeptRow, 'final'> & { readonly final: number })[]).map((row) => ({
      ...row,
      final: row.final === 1,
    }))
  }

  drop(seqs: readonly number[]): Promise<void> {
    return this.#each(seqs, (seq) => this.#drop.run(seq))
  }

  dropLogs(seqs: readonly number[]): Promise<void> {
    return this.#each(seqs, (seq) => this.#dropLog.run({ seq }))
  }

  #each(seqs: readonly number[], run: (seq: number) => unknown): Promise<void> {
    const left = [...seqs]
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
