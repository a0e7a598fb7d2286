import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Names } from '../file/names.ts'
import { foldText, indexedWords, type TextIndex } from '../file/textIndex.ts'
import { type JobRow, searchedText } from '../fold/jobs.ts'
import type { Conditions, Driver } from './conditions.ts'

/** Rows that are looked at before the time is compared. */
const ROWS_PER_STEP = 500
/** An index with fewer rows is read rather than the full text. */
const FEW_ROWS = 2000
/** Up to how many rows indexes are compared. */
const COUNTED_ROWS = 20_000

const ALL: Driver = { sql: 'SELECT seq FROM job WHERE seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?', values: [] }

/** Columns of rows that are only counted. */
export const COUNTED_COLUMNS = 'seq, id, task, state, queue, worker'

export interface ScanStep {
  /** Jobs that fit, newest first. */
  readonly rows: readonly JobRow[]
  /** All jobs that fit and are not before this one have come. */
  readonly until: number
}

/** Reads the jobs that fit, newest first, in steps of bounded work; the caller stops when its time is over. */
export class Scan {
  readonly #db: DatabaseSync
  readonly #names: Names
  readonly #text: TextIndex
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, names: Names, text: TextIndex) {
    this.#db = db
    this.#names = names
    this.#text = text
  }

  *steps(conditions: Conditions, before: number, columns = '*'): Generator<ScanStep> {
    const end = Math.min(before, conditions.until)
    const { since, ids } = conditions
    if (ids) {
      yield { rows: this.#ofIds(conditions, end), until: since }
      return
    }
    const driver = this.#choose(conditions)
    const words = indexedWords(conditions.words)
    if (words.length === 0 || (driver && this.#count(driver, FEW_ROWS) < FEW_ROWS)) {
      yield* this.#drive(driver ?? ALL, conditions, end, since, columns)
      return
    }
    // What is not in the full text yet is read as it is.
    const { indexed } = this.#statement('SELECT indexed FROM recorder').get() as { indexed: number }
    yield* this.#drive(ALL, conditions, end, Math.max(since, indexed + 1), columns)
    for (const { seqs, until } of this.#text.candidates(words, Math.min(end, indexed + 1), since, ROWS_PER_STEP))
      yield { rows: this.rows(seqs, conditions, columns), until }
    yield { rows: [], until: since }
  }

  *#drive(driver: Driver, conditions: Conditions, before: number, since: number, columns: string): Generator<ScanStep> {
    let end = before
    while (end > since) {
      const { seqs, until } = this.#next(driver, end, since)
      yield { rows: this.rows(seqs, conditions, columns), until }
      end = until
    }
  }

  /** The next jobs of an index, of all its values together. */
  #next({ sql, values }: Driver, before: number, since: number): { seqs: number[]; until: number } {
    const statement = this.#statement(sql)
    const seqs: number[] = []
    let until = since
    for (const value of values.length === 0 ? [undefined] : values) {
      const rows = this.#run(statement, sql, value, before, since, ROWS_PER_STEP)
      seqs.push(...rows)
      // Of a value with more rows, those that follow are not known yet.
      if (rows.length === ROWS_PER_STEP) until = Math.max(until, rows.at(-1) as number)
    }
    const known = seqs.filter((seq) => seq >= until)
    return { seqs: values.length > 1 ? known.sort((a, b) => b - a) : known, until }
  }

  #run(
    statement: StatementSync,
    sql: string,
    value: string | number | undefined,
    before: number,
    since: number,
    limit: number,
  ): number[] {
    const rows = sql.includes(':root')
      ? statement.all({ root: value ?? '', before, since, limit })
      : value === undefined
        ? statement.all(before, since, limit)
        : statement.all(value, before, since, limit)
    return (rows as { seq: number }[]).map(({ seq }) => seq)
  }

  /** The index with the fewest rows; undefined where there is none. */
  #choose({ drivers }: Conditions): Driver | undefined {
    let best: Driver | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const driver of drivers) {
      const count = this.#count(driver, COUNTED_ROWS)
      if (count < fewest) {
        best = driver
        fewest = count
      }
    }
    return best
  }

  #count({ sql, values }: Driver, max: number): number {
    const statement = this.#statement(`SELECT count(*) AS count FROM (${sql})`)
    let total = 0
    for (const value of values) {
      const bounds = [Number.MAX_SAFE_INTEGER, 0, max] as const
      const named = { root: value, before: bounds[0], since: bounds[1], limit: max }
      const row = sql.includes(':root') ? statement.get(named) : statement.get(value, ...bounds)
      total += (row as { count: number }).count
      if (total >= max) break
    }
    return total
  }

  /** Those of these jobs that fit, newest first. */
  rows(seqs: readonly number[], conditions: Conditions, columns: string): JobRow[] {
    if (seqs.length === 0) return []
    const sql = `SELECT ${conditions.words.length > 0 ? '*' : columns} FROM job WHERE seq IN (SELECT value FROM json_each(?)) AND ${conditions.where} ORDER BY seq DESC`
    const rows = this.#statement(sql).all(JSON.stringify(seqs), ...conditions.values) as unknown as JobRow[]
    return rows.filter((row) => this.#hasWords(row, conditions.words))
  }

  #ofIds({ where, values, since, words }: Conditions, end: number): JobRow[] {
    const sql = `SELECT * FROM job WHERE ${where} AND seq < ? AND seq >= ? ORDER BY seq DESC`
    const rows = this.#statement(sql).all(...values, end, since) as unknown as JobRow[]
    return rows.filter((row) => this.#hasWords(row, words))
  }

  #hasWords(row: JobRow, words: readonly string[]): boolean {
    if (words.length === 0) return true
    // No word has a line break, so none is found across two texts.
    const text = foldText(searchedText(row.id, this.#names.text(row.task), row).join('\n'))
    return words.every((word) => text.includes(word))
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    if (this.#statements.size >= 200) this.#statements.clear()
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
