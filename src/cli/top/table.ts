import { fitted } from './width.ts'

/** A column of a table. */
export interface Column<Row> {
  readonly title: string
  /** Columns of the terminal; undefined: it shares what the others leave, by its weight. */
  readonly width?: number
  readonly weight?: number
  readonly align?: 'left' | 'right'
  /** Only where the terminal has at least so many columns. */
  readonly from?: number
  readonly text: (row: Row) => string
}

const GAP = '  '
/** Columns before the first: the mark of the row that is selected. */
const MARGIN = 1
/** Least width of a column without one of its own. */
const MIN_FREE = 10

/** The title, and how a row is written; `columns`: those of the terminal. */
export function tableOf<Row>(
  all: readonly Column<Row>[],
  columns: number,
): { readonly title: string; readonly line: (row: Row, isSelected: boolean) => string } {
  const shown = columnsIn(all, columns)
  const weights = shown.reduce((sum, { width, weight = 1 }) => sum + (width === undefined ? weight : 0), 0)
  const free = Math.max(0, freeIn(shown, columns))
  const widths = shown.map(({ width, weight = 1 }) => width ?? Math.floor((free * weight) / weights))
  const line = (mark: string, texts: readonly string[]): string =>
    fitted(mark + texts.map((text, at) => fitted(text, widths[at] ?? 0, shown[at]?.align)).join(GAP), columns).trimEnd()
  return {
    title: line(
      ' ',
      shown.map(({ title }) => title),
    ),
    line: (row, isSelected) =>
      line(
        isSelected ? '>' : ' ',
        shown.map(({ text }) => text(row)),
      ),
  }
}

/** Those that fit: of a narrow terminal the last ones with a width are left out. */
function columnsIn<Row>(all: readonly Column<Row>[], columns: number): readonly Column<Row>[] {
  let shown = all.filter(({ from = 0 }) => from <= columns)
  while (freeIn(shown, columns) < MIN_FREE * shown.filter(({ width }) => width === undefined).length) {
    const last = shown.findLast(({ width }) => width !== undefined)
    if (!last) return shown
    shown = shown.filter((column) => column !== last)
  }
  return shown
}

/** What the columns with a width leave to the others. */
function freeIn(shown: readonly Column<never>[], columns: number): number {
  const fixed = shown.reduce((sum, { width = 0 }) => sum + width, 0)
  return columns - MARGIN - fixed - GAP.length * (shown.length - 1)
}
