import { ArgumentError } from '../../../std/errors.ts'
import { shown } from '../../../std/validate.ts'
import type { Statement, Step, Value } from './pipeline.ts'

/** How a column of parameters is written. */
export type ColumnKind = 'int' | 'text' | 'bytes'
export type Cell = string | number | Uint8Array | null | undefined

/** Between two texts of a column, and in place of NULL. JSON has neither. */
const SEPARATOR = '\x1f'
const NULL_TEXT = '\x1e'

/**
 * Rows as parameters of a statement, a parameter for each column: a long text that the server splits is much less work,
 * on both sides, than an array or JSON. The statement has the names of the columns; the first is `at`, the number
 * of the row from 0.
 */
export class Rows {
  readonly #kinds: readonly ColumnKind[]
  readonly #columns: (string | number)[][]
  #separator = SEPARATOR
  #null = NULL_TEXT
  #count = 0

  constructor(kinds: readonly ColumnKind[]) {
    this.#kinds = kinds
    this.#columns = kinds.map(() => [])
  }

  get length(): number {
    return this.#count
  }

  /** Returns the number of the row. */
  add(...cells: readonly Cell[]): number {
    for (const [at, column] of this.#columns.entries()) column.push(this.#written(cells[at], this.#kinds[at]))
    return this.#count++
  }

  /** The parameters: the numbers of the rows, the separator and the text for NULL if there are texts, the columns. */
  values(): Value[] {
    const numbers = Array.from({ length: this.#count }, (_, at) => at)
    const texts = hasTexts(this.#kinds) ? [this.#separator, this.#null] : []
    return [
      arrayOf(numbers),
      ...texts,
      ...this.#columns.map((column, at) =>
        // A text of no characters would be split into no rows: one row more is left out by its missing number.
        this.#kinds[at] === 'int' ? arrayOf(column) : [...column, this.#null].join(this.#separator),
      ),
    ]
  }

  #written(cell: Cell, kind: ColumnKind | undefined): string | number {
    if (cell === null || cell === undefined) return kind === 'int' ? 'NULL' : this.#null
    // A moment may be computed from a delay of any length.
    if (kind === 'int') return typeof cell === 'number' ? Math.ceil(cell) : (cell as string)
    if (typeof cell !== 'object') {
      const text = String(cell)
      if (text.includes('\0'))
        throw new ArgumentError(
          `expected a text without a zero character, which PostgreSQL cannot keep, got ${shown(text)}`,
        )
      if (text.includes(SEPARATOR) || text === NULL_TEXT) this.#separateOtherwise()
      return text
    }
    return Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('base64')
  }

  /** A text has the usual separator in it. */
  #separateOtherwise(): void {
    if (this.#separator !== SEPARATOR) return
    this.#separator = `${SEPARATOR}${crypto.randomUUID()}${SEPARATOR}`
    const before = this.#null
    this.#null = `${NULL_TEXT}${crypto.randomUUID()}`
    for (const [at, column] of this.#columns.entries()) {
      if (this.#kinds[at] === 'int') continue
      for (const [row, text] of column.entries()) if (text === before) column[row] = this.#null
    }
  }
}

function hasTexts(kinds: readonly ColumnKind[]): boolean {
  return kinds.some((kind) => kind !== 'int')
}

/** An array of numbers, or NULL, in PostgreSQL's text form. */
export function arrayOf(numbers: readonly (number | string)[]): string {
  return `{${numbers.join(',')}}`
}

/** Columns of a `Rows`, by name. */
export type Columns = Readonly<Record<string, ColumnKind>>

/**
 * The clause of a statement that reads `Rows` with these columns from the parameters `$first` on, as the table `name`
 * with `at` and the columns. Bytes come as base64: `decode(column, 'base64')`.
 */
export function rowsClause(name: string, columns: Columns, first = 1): string {
  const [at, separator, nothing] = [first, first + 1, first + 2]
  const kinds = Object.values(columns)
  const parts = kinds.map((kind, index) => {
    const parameter = first + (hasTexts(kinds) ? 3 : 1) + index
    return kind === 'int'
      ? `unnest($${parameter}::bigint[])`
      : `string_to_table($${parameter}::text, $${separator}::text, $${nothing}::text)`
  })
  const names = ['at', ...Object.keys(columns)].join(', ')
  return `${name} AS MATERIALIZED (
    SELECT * FROM ROWS FROM (unnest($${at}::bigint[]), ${parts.join(', ')}) AS given (${names}) WHERE at IS NOT NULL
  )`
}

/** A statement over rows: its text after `WITH given AS (…)`, whose own parameters come first. */
export class RowsStatement {
  readonly #statement: Statement
  readonly #kinds: readonly ColumnKind[]

  /** `text`: all after `WITH given AS (…)`, from a comma or a statement on; its own parameters are `$1` to `$own`. */
  constructor(name: string, columns: Columns, text: string, own = 0) {
    this.#statement = { name, text: `WITH ${rowsClause('given', columns, own + 1)}${text}` }
    this.#kinds = Object.values(columns)
  }

  rows(): Rows {
    return new Rows(this.#kinds)
  }

  step(rows: Rows, ...own: readonly Value[]): Step {
    return { statement: this.#statement, values: [...own, ...rows.values()] }
  }
}
