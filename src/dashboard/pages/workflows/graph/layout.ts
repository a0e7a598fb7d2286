import type { WorkflowEdge } from '../../../../protocol/workflowTree.ts'
import { append } from '../flow/model.ts'
import type { ShownGraph } from './shownGraph.ts'

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

interface Point {
  readonly x: number
  readonly y: number
}

export interface Line {
  readonly edge: WorkflowEdge
  /** At the border of what it comes from, and of what it leads to. */
  readonly from: Point
  readonly to: Point
}

/** What follows is to the right, or below. */
export type Direction = 'right' | 'down'

/** Where everything is drawn, from the corner at the top left. */
export interface Layout {
  readonly direction: Direction
  readonly width: number
  readonly height: number
  /** Of jobs, bundles and groups. */
  readonly boxes: ReadonlyMap<string, Box>
  readonly lines: readonly Line[]
}

/** Of a job or a bundle. */
export const NODE_WIDTH = 190
export const NODE_HEIGHT = 44
/** Between a group and what is in it; above that its name. */
const PADDING = 14
const TITLE = 22
/** Between two that are side by side, and between two of which one follows. */
const GAP = 14
const RANK_GAP = 44
/** From so many on, those that nothing follows are in rows, not all below each other. */
const MIN_GRID = 12

/** Relative to the group around it. */
interface Inner {
  readonly width: number
  readonly height: number
  readonly boxes: ReadonlyMap<string, Box>
}

interface Size {
  readonly width: number
  readonly height: number
}

/** The outermost level has no group around it. */
const ALL = ''

/**
 * Layers, what follows beside or below what it follows from. Workflows are nested, so that each level is a forest: a
 * job to which two lead is behind the first of them. Each group is laid out by itself, and is one box for what is
 * around it: a line that leaves it begins at its border.
 */
export function layoutOf(graph: ShownGraph, direction: Direction): Layout {
  const inside = new Map<string, string[]>()
  for (const { id } of graph.nodes) append(inside, graph.places.get(id) ?? ALL, id)
  const edges = edgesByLevel(graph)
  const done = new Map<string, Inner>()
  const lay = (group: string): Inner => {
    const sizes = new Map((inside.get(group) ?? []).map((id) => [id, sizeOf(done.get(id))]))
    return forest(sizes, edges.get(group) ?? [], direction)
  }
  // A group comes before what is in it.
  for (const { id } of graph.nodes.toReversed()) if (inside.has(id)) done.set(id, lay(id))
  const whole = lay(ALL)
  const boxes = new Map<string, Box>()
  const open = [{ inner: whole, x: 0, y: 0 }]
  for (let one = open.pop(); one; one = open.pop()) {
    for (const [id, box] of one.inner.boxes) {
      const [x, y] = [one.x + box.x, one.y + box.y]
      boxes.set(id, { ...box, x, y })
      const inner = done.get(id)
      if (inner) open.push({ inner, x: x + PADDING, y: y + PADDING + TITLE })
    }
  }
  const lines = [...edges.values()].flat().flatMap((edge) => lineOf(edge, boxes, direction))
  return { direction, width: whole.width, height: whole.height, boxes, lines }
}

interface LevelEdge {
  readonly edge: WorkflowEdge
  readonly from: string
  readonly to: string
}

/** Each edge, in the innermost group that has both of its ends, between what is directly in that. */
function edgesByLevel({ edges, places }: ShownGraph): ReadonlyMap<string, readonly LevelEdge[]> {
  const levels = new Map<string, LevelEdge[]>()
  for (const edge of edges) {
    const around = new Map<string, string>()
    for (let one: string | undefined = edge.from; one !== undefined; one = places.get(one))
      around.set(places.get(one) ?? ALL, one)
    for (let one: string | undefined = edge.to; one !== undefined; one = places.get(one)) {
      const group = places.get(one) ?? ALL
      const from = around.get(group)
      if (from === undefined) continue
      if (from !== one) append(levels, group, { edge, from, to: one })
      break
    }
  }
  return levels
}

function lineOf({ edge, from, to }: LevelEdge, boxes: ReadonlyMap<string, Box>, direction: Direction): Line[] {
  const [start, end] = [boxes.get(from), boxes.get(to)]
  if (!start || !end) return []
  const middle = ({ x, y, width, height }: Box): Point => ({ x: x + width / 2, y: y + height / 2 })
  if (direction === 'right')
    return [{ edge, from: { x: start.x + start.width, y: middle(start).y }, to: { x: end.x, y: middle(end).y } }]
  return [{ edge, from: { x: middle(start).x, y: start.y + start.height }, to: { x: middle(end).x, y: end.y } }]
}

function sizeOf(group: Inner | undefined): Size {
  if (!group) return { width: NODE_WIDTH, height: NODE_HEIGHT }
  return { width: group.width + 2 * PADDING, height: group.height + 2 * PADDING + TITLE }
}

type Sizes = ReadonlyMap<string, Size>

/** Trees side by side, each node in the middle of what follows from it. */
function forest(sizes: Sizes, edges: readonly LevelEdge[], direction: Direction): Inner {
  const { roots, below } = treesOf(sizes, edges)
  const single = roots.filter((id) => !below.has(id))
  const isGrid = single.length >= MIN_GRID
  const trees = isGrid ? roots.filter((id) => below.has(id)) : roots
  const isRight = direction === 'right'
  const boxes = new Map<string, Box>()
  const spans = spansOf(trees, below, (id) => {
    const size = sizes.get(id) ?? { width: 0, height: 0 }
    return isRight ? size.height : size.width
  })
  let [along, across] = [0, 0]
  const open = trees.toReversed().map((id) => ({ id, at: 0, from: 0, isRoot: true }))
  for (let one = open.pop(); one; one = open.pop()) {
    const { id, at, isRoot } = one
    const { width, height } = sizes.get(id) ?? { width: 0, height: 0 }
    const span = spans.get(id) ?? { own: 0, whole: 0 }
    const from = isRoot ? across : one.from
    if (isRoot) across += span.whole + GAP
    const own = from + (span.whole - (isRight ? height : width)) / 2
    boxes.set(id, isRight ? { x: at, y: own, width, height } : { x: own, y: at, width, height })
    const end = at + (isRight ? width : height)
    along = Math.max(along, end)
    let next = from + (span.whole - span.own) / 2
    for (const child of below.get(id) ?? []) {
      open.push({ id: child, at: end + RANK_GAP, from: next, isRoot: false })
      next += (spans.get(child)?.whole ?? 0) + GAP
    }
  }
  if (isGrid) {
    const { width, height } = grid(single, sizes, direction, isRight ? { x: 0, y: across } : { x: across, y: 0 }, boxes)
    return isRight
      ? { width: Math.max(along, width), height: across + height, boxes }
      : { width: across + width, height: Math.max(along, height), boxes }
  }
  const breadth = Math.max(0, across - GAP)
  return isRight ? { width: along, height: breadth, boxes } : { width: breadth, height: along, boxes }
}

/** How much room each needs across: with all that follows (`whole`), and what follows alone (`own`). */
function spansOf(
  roots: readonly string[],
  below: ReadonlyMap<string, readonly string[]>,
  sizeOfOne: (id: string) => number,
): ReadonlyMap<string, { readonly own: number; readonly whole: number }> {
  const spans = new Map<string, { readonly own: number; readonly whole: number }>()
  // Those that follow come after: a list that grows while it is read.
  const order = [...roots]
  for (const id of order) order.push(...(below.get(id) ?? []))
  for (const id of order.toReversed()) {
    const after = below.get(id) ?? []
    const own = after.reduce((sum, one) => sum + (spans.get(one)?.whole ?? 0), 0) + GAP * Math.max(0, after.length - 1)
    spans.set(id, { own, whole: Math.max(own, sizeOfOne(id)) })
  }
  return spans
}

function treesOf(
  sizes: Sizes,
  edges: readonly LevelEdge[],
): { readonly roots: readonly string[]; readonly below: ReadonlyMap<string, readonly string[]> } {
  const below = new Map<string, string[]>()
  const placed = new Set<string>()
  for (const { from, to } of edges) {
    if (placed.has(to)) continue
    placed.add(to)
    append(below, from, to)
  }
  return { roots: [...sizes.keys()].filter((id) => !placed.has(id)), below }
}

/** Rows, about twice as wide as high; two columns where the page is narrow. */
function grid(ids: readonly string[], sizes: Sizes, direction: Direction, start: Point, boxes: Map<string, Box>): Size {
  const columns = direction === 'down' ? 2 : Math.ceil(Math.sqrt(ids.length / 2))
  let [x, y, rowHeight, width] = [0, 0, 0, 0]
  ids.forEach((id, at) => {
    const size = sizes.get(id) ?? { width: 0, height: 0 }
    if (at % columns === 0 && at > 0) [x, y, rowHeight] = [0, y + rowHeight + GAP, 0]
    boxes.set(id, { x: start.x + x, y: start.y + y, ...size })
    x += size.width + GAP
    rowHeight = Math.max(rowHeight, size.height)
    width = Math.max(width, x - GAP)
  })
  return { width, height: y + rowHeight }
}
