/* A JSON value as the lines of a tree: no more of it than is open is looked at, however large or deep it is. */

/** One line. */
export interface JsonRow {
  /** Of the value: a JSON Pointer, so that it stays open when another value takes its place. */
  readonly path: string
  readonly depth: number
  /** Of its member; undefined for the whole, and for items of a list. */
  readonly name?: string
  /** Of its item, from 0. */
  readonly index?: number
  readonly kind: 'text' | 'plain' | 'object' | 'list' | 'more'
  /** A text or another single value; of `more`: undefined. */
  readonly value?: unknown
  /** Members or items; of `more`: how many are not drawn. */
  readonly size: number
  readonly isOpen: boolean
}

/** What the user has opened and closed, and of which values more is drawn. */
export interface JsonFolds {
  readonly open: ReadonlyMap<string, boolean>
  /** Members that are drawn. */
  readonly drawn: ReadonlyMap<string, number>
}

/** Members of one value that are drawn until the user asks for more. */
export const DRAWN_MEMBERS = 100
/** Lines that are drawn at all: what is behind them is closed first. */
export const MAX_ROWS = 2000
/** What is open at the beginning. */
const OPEN_DEPTH = 2
const OPEN_ROWS = 60

interface Place {
  readonly value: unknown
  readonly path: string
  readonly depth: number
  readonly name?: string
  readonly index?: number
}

/** What is still to be drawn of one open value. */
interface Level {
  readonly place: Place
  /** Of an object. */
  readonly names: readonly string[] | undefined
  readonly size: number
  readonly drawn: number
  next: number
}

/** The lines that are drawn. */
export function jsonRows(value: unknown, folds: JsonFolds): readonly JsonRow[] {
  const rows: JsonRow[] = []
  const levels: Level[] = []
  enter({ value, path: '', depth: 0 }, rows, levels, folds)
  while (levels.length > 0 && rows.length < MAX_ROWS) {
    const level = levels.at(-1) as Level
    if (level.next < Math.min(level.drawn, level.size)) {
      enter(childOf(level, level.next++), rows, levels, folds)
      continue
    }
    levels.pop()
    const rest = level.size - level.drawn
    const { path, depth } = level.place
    if (rest > 0) rows.push({ path, depth: depth + 1, kind: 'more', size: rest, isOpen: false })
  }
  return rows
}

function enter(place: Place, rows: JsonRow[], levels: Level[], { open, drawn }: JsonFolds): void {
  const { value, path, depth, name, index } = place
  const names = namesOf(value)
  const size = names?.length ?? (Array.isArray(value) ? value.length : 0)
  const about = { path, depth, ...(name !== undefined && { name }), ...(index !== undefined && { index }) }
  if (!names && !Array.isArray(value)) {
    const kind = typeof value === 'string' ? 'text' : 'plain'
    rows.push({ ...about, kind, value, size: 0, isOpen: open.get(path) ?? false })
    return
  }
  const isOpen = size > 0 && (open.get(path) ?? (depth < OPEN_DEPTH && rows.length < OPEN_ROWS))
  rows.push({ ...about, kind: names ? 'object' : 'list', size, isOpen })
  if (isOpen) levels.push({ place, names, size, drawn: drawn.get(path) ?? DRAWN_MEMBERS, next: 0 })
}

function childOf({ place, names }: Level, at: number): Place {
  const { value, path, depth } = place
  if (!names) return { value: (value as unknown[])[at], path: `${path}/${at}`, depth: depth + 1, index: at }
  const name = names[at] as string
  const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1')
  return { value: (value as Record<string, unknown>)[name], path: `${path}/${escaped}`, depth: depth + 1, name }
}

/** Names of members: they are listed once for each object. */
const known = new WeakMap<object, readonly string[]>()

function namesOf(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const before = known.get(value)
  if (before) return before
  const names = Object.keys(value)
  known.set(value, names)
  return names
}
