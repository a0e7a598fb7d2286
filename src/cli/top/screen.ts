import { blockedLines } from '../fleet/blocked.ts'
import type { Snapshot, TopFailure, TopTask, TopWorker } from './snapshot.ts'
import { type Column, tableOf } from './table.ts'
import type { Selected, View } from './view.ts'
import { columnsOf, fitted } from './width.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** A line of the screen, without its end; at most as wide as the screen. */
export interface Line {
  readonly text: string
  readonly style?: 'title' | 'selected' | 'warning'
}

type Queue = Snapshot['queues']['queues'][number]

/** One table of the screen. */
interface Section {
  readonly title: string
  readonly lines: readonly Line[]
}

const WORKERS: readonly Column<TopWorker>[] = [
  { title: 'WORKER', text: ({ name }) => name },
  { title: 'STATE', width: 7, text: ({ state }) => state },
  { title: 'POOL', width: 9, text: ({ pool = '-' }) => pool },
  { title: 'SLOTS', width: 5, align: 'right', text: ({ slots }) => countText(slots) },
  { title: 'ACTIVE', width: 6, align: 'right', text: ({ active }) => countText(active) },
  { title: 'PROCESSED', width: 9, align: 'right', text: ({ processed }) => countText(processed) },
  { title: 'LOAD', width: 6, align: 'right', text: ({ load }) => load?.toFixed(2) ?? '-' },
]
const QUEUES: readonly Column<Queue & { readonly age: number | undefined }>[] = [
  { title: 'QUEUE', text: ({ name }) => name },
  { title: 'WAITING', width: 9, align: 'right', text: ({ waiting }) => countText(waiting) },
  { title: 'OLDEST', width: 9, align: 'right', text: ({ age }) => (age === undefined ? '-' : secondsText(age)) },
]
const RUNNING: readonly Column<TopTask>[] = [
  { title: 'RUNS FOR', width: 9, align: 'right', text: ({ seconds }) => secondsText(seconds) },
  { title: 'TASK', text: ({ name }) => name },
  { title: 'WORKER', text: ({ worker }) => worker },
  { title: 'ID', width: 36, text: ({ id }) => id },
]
const FAILURES: readonly Column<TopFailure>[] = [
  { title: 'FAILED AT', width: 9, align: 'right', text: ({ at }) => timeText(at) },
  { title: 'TASK', text: ({ name }) => name },
  { title: 'ID', width: 36, from: 120, text: ({ id }) => id },
  { title: 'EXCEPTION', weight: 2, text: ({ exception }) => exception },
]

const KEYS: readonly string[] = [
  '',
  '  up, k     select the row above        r  revoke the selected task',
  '  down, j   select the row below        R  send the failed task again',
  '  ?         these keys                  p  quiet or resume the worker',
  '  x, q, Ctrl-C   leave                  e  all workers send task events',
  '',
  '  r, R, p and e ask before they do it.',
]

/** Lines that each table needs beside its rows: an empty one and its title. */
const FRAME_LINES = 2

/** A fleet as lines for a terminal of this size: exactly as many as it has rows. Nothing else has an influence. */
export function screenOf(snapshot: Snapshot, view: View, size: Size): Line[] {
  const { columns, rows } = size
  const cut = (line: Line): Line => ({ ...line, text: fitted(line.text, columns).trimEnd() })
  const head = headOf(snapshot, columns).map(cut)
  const foot = cut(footOf(view))
  const space = Math.max(0, rows - head.length - 1)
  const body = view.help ? KEYS.map((text) => cut({ text })) : tablesIn(space, snapshot, view.selected, columns)
  const lines = [...head, ...body].slice(0, Math.max(0, rows - 1))
  const empty = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => ({ text: '' }))
  return [...lines, ...empty, foot].slice(-rows)
}

/** All of a fleet, whatever its length. */
export function pageOf(snapshot: Snapshot, columns: number): string[] {
  const all = sectionsOf(snapshot, undefined, columns).flatMap(({ title, lines }) => ['', title, ...linesOf(lines)])
  return [...linesOf(headOf(snapshot, columns)), ...all]
}

function linesOf(lines: readonly Line[]): string[] {
  return lines.map(({ text }) => text)
}

function headOf(snapshot: Snapshot, columns: number): Line[] {
  const { at, broker, workers, running, queues, blocked, rates, problem } = snapshot
  const time = `${timeText(at)} UTC`
  const title = fitted(`celeriac top  ${broker}`, Math.max(0, columns - columnsOf(time) - 1))
  const alive = workers.filter(({ state }) => state !== 'lost' && state !== 'offline').length
  const waiting = queues.queues.reduce((sum, queue) => sum + queue.waiting, 0)
  const counts = [
    `workers ${alive}`,
    `running ${running.length}`,
    `waiting ${countText(waiting)}`,
    ...(queues.delayed === undefined ? [] : [`delayed ${countText(queues.delayed)}`]),
    ...(queues.held === undefined ? [] : [`held ${countText(queues.held)}`]),
  ]
  const stopped = blocked ? blockedLines(blocked, 0).map((text): Line => ({ text, style: 'warning' })) : []
  const lines: Line[] = [{ text: `${title} ${time}`, style: 'title' }, { text: counts.join('  ') }, ...stopped]
  if (problem !== undefined) return [...lines, { text: `! ${problem}`, style: 'warning' }]
  if (rates) {
    const texts = Object.entries(rates).map(([name, rate]) => `${name} ${rate.toFixed(1)}`)
    return [...lines, { text: `tasks/s: ${texts.join('  ')}` }]
  }
  const none = 'no events of tasks yet: worker -E sends them; e or --enable-events asks for them'
  return [...lines, { text: snapshot.asked ? none : 'asking the workers ...', style: 'warning' }]
}

function footOf({ message, help }: View): Line {
  if (message !== undefined) return { text: message, style: 'warning' }
  return { text: help ? 'any key: back' : '?: keys  x: leave' }
}

function sectionsOf(snapshot: Snapshot, selected: Selected | undefined, columns: number): Section[] {
  const { at, workers, queues, running, failures } = snapshot
  const isSelected = (kind: Selected['kind'], id: string): boolean => selected?.kind === kind && selected.id === id
  const aged = queues.queues.map((queue) => ({
    ...queue,
    age: queue.oldest === undefined ? undefined : Math.max(0, at - queue.oldest) / 1000,
  }))
  return [
    section(WORKERS, workers, columns, ({ name }) => isSelected('worker', name)),
    section(QUEUES, aged, columns),
    section(RUNNING, running, columns, ({ id }) => isSelected('task', id)),
    section(FAILURES, failures, columns, ({ id }) => isSelected('failure', id)),
  ]
}

function section<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  isSelected: (row: Row) => boolean = () => false,
): Section {
  const { title, line } = tableOf(columns, width)
  const lines = rows.map((row): Line => {
    const text = line(row, isSelected(row))
    return isSelected(row) ? { text, style: 'selected' } : { text }
  })
  return { title, lines }
}

/** The tables in so many lines: each gets its share, and what one does not need the others do. */
function tablesIn(space: number, snapshot: Snapshot, selected: Selected | undefined, columns: number): Line[] {
  const all = sectionsOf(snapshot, selected, columns)
  // Of a small screen the last tables are left out.
  const shown = all.slice(0, Math.max(1, Math.floor(space / (FRAME_LINES + 1))))
  const wants = shown.map(({ lines }) => lines.length)
  const shares = shared(wants, space - shown.length * FRAME_LINES)
  return shown.flatMap(({ title, lines }, index) => [
    { text: '' },
    { text: title, style: 'title' as const },
    ...windowOf(lines, shares[index] ?? 0),
  ])
}

/** How many of `space` each gets: one after the other in turn, as long as it wants more. */
function shared(wants: readonly number[], space: number): number[] {
  const shares = wants.map(() => 0)
  let left = Math.min(
    space,
    wants.reduce((sum, want) => sum + want, 0),
  )
  for (let at = 0; left > 0; at = (at + 1) % wants.length) {
    if ((shares[at] as number) >= (wants[at] as number)) continue
    shares[at] = (shares[at] as number) + 1
    left--
  }
  return shares
}

/** So many of the lines, with the selected one among them; the last says how many there are more. */
function windowOf(lines: readonly Line[], space: number): readonly Line[] {
  if (lines.length <= space) return lines
  const at = lines.findIndex(({ style }) => style === 'selected')
  // In a single line the row itself is worth more.
  const visible = space > 1 ? space - 1 : space
  const first = Math.min(Math.max(0, at - visible + 1), lines.length - visible)
  const more = { text: ` ... ${lines.length - visible} more` }
  return [...lines.slice(first, first + visible), ...(visible < space ? [more] : [])]
}

function countText(count: number | undefined): string {
  return count === undefined ? '-' : count.toLocaleString('en-US')
}

function timeText(at: number): string {
  return new Date(at).toISOString().slice(11, 19)
}

/** `3.2 s`, `12 s`, `5 min`, `3.5 h`, `2.1 d`. */
function secondsText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  return seconds < 360_000 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`
}
