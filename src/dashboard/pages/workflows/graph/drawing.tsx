import type { ComponentChildren, JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import { useValue } from '../../../api/signal.ts'
import type { Focus } from '../flow/focus.ts'
import type { FlowNode } from '../flow/model.ts'
import { GraphBox } from './graphBox.tsx'
import { BundleNode, JobNode } from './graphNode.tsx'
import type { Box, Direction, Layout, Line } from './layout.ts'
import { isBundle, type ShownGraph } from './shownGraph.ts'
import type { Viewport } from './viewport.ts'

export interface DrawingProps {
  readonly graph: ShownGraph
  readonly layout: Layout
  readonly viewport: Viewport
  readonly critical: ReadonlySet<string>
  readonly focus: Focus
  /** Draw more jobs of this bundle by themselves. */
  readonly open: (bundle: string) => void
}

/** Groups, lines and jobs, in this order one above the other. */
export function Drawing(props: DrawingProps): JSX.Element {
  const { graph, layout, viewport, critical } = props
  const drawing = useRef<SVGSVGElement>(null)
  const groups = graph.nodes.filter((node): node is FlowNode => !isBundle(node) && node.kind === 'group')
  // The same element is not drawn again.
  const lines = useMemo(() => <Lines layout={layout} critical={drawnPath(graph, critical)} />, [layout, critical])
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no fieldset.
    <svg
      ref={drawing}
      class="drawing"
      width="100%"
      height="100%"
      aria-label="Jobs"
      role="group"
      onClickCapture={(event) => {
        if (viewport.wasMoved) event.stopPropagation()
      }}
    >
      <Moved viewport={viewport}>
        {groups.map((group) => (
          <GraphBox key={group.id} group={group} box={boxIn(layout, group.id)} />
        ))}
        {lines}
        <Jobs {...props} go={(id) => goTo(drawing.current, id)} />
      </Moved>
    </svg>
  )
}

/** Moves what is in it; that is not drawn again. */
function Moved({ viewport, children }: { viewport: Viewport; children: ComponentChildren }): JSX.Element {
  const { x, y, scale } = useValue(viewport.view)
  return <g transform={`translate(${x} ${y}) scale(${scale})`}>{children}</g>
}

/** One of them is in the order of the Tab key; the arrow keys go from it to the others. */
function Jobs(props: DrawingProps & { go: (id: string | undefined) => void }): JSX.Element {
  const { graph, layout, viewport, critical, focus, open, go } = props
  const [current, setCurrent] = useState<string>()
  const jobs = graph.nodes.filter((node) => isBundle(node) || node.kind === 'task')
  const stop = jobs.find(({ id }) => id === current) ?? jobs[0]
  const commonOf = (id: string) => ({
    box: boxIn(layout, id),
    focus,
    isStop: id === stop?.id,
    focused: () => {
      setCurrent(id)
      viewport.reveal(boxIn(layout, id))
    },
    go: (key: string) => go(neighbor(jobs, layout.boxes, id, key)),
  })
  const show = (id: string): void => {
    focus.open.value = id
  }
  return (
    <>
      {jobs.map((node) => {
        const { id } = node
        const common = commonOf(id)
        if (isBundle(node)) return <BundleNode key={id} bundle={node} graph={graph} {...common} open={() => open(id)} />
        return <JobNode key={id} node={node} isCritical={critical.has(id)} {...common} open={() => show(id)} />
      })}
    </>
  )
}

function boxIn({ boxes }: Layout, id: string): Box {
  return boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 }
}

/** What the critical path goes through, as it is drawn: also the groups around its jobs. */
function drawnPath({ drawnAs, places }: ShownGraph, critical: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>()
  for (const id of critical) for (let one = drawnAs.get(id); one !== undefined; one = places.get(one)) found.add(one)
  return found
}

function Lines({ layout, critical }: { layout: Layout; critical: ReadonlySet<string> }): JSX.Element {
  const { lines, direction } = layout
  return (
    <g class="lines">
      {lines.map((line) => {
        const { edge, to } = line
        const isCritical = critical.has(edge.from) && critical.has(edge.to)
        return (
          <g key={`${edge.from}\n${edge.to}`} class={`edge ${edge.kind} ${isCritical ? 'critical' : ''}`}>
            <path d={curve(line, direction)} />
            <path
              class="head"
              d="M0 0L-8 -4V4Z"
              transform={`translate(${to.x} ${to.y})${direction === 'right' ? '' : ' rotate(90)'}`}
            />
          </g>
        )
      })}
    </g>
  )
}

/** Leaves and arrives in the direction of the layout. */
function curve({ from, to }: Line, direction: Direction): string {
  if (direction === 'right') {
    const middle = (from.x + to.x) / 2
    return `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`
  }
  const middle = (from.y + to.y) / 2
  return `M${from.x} ${from.y}C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`
}

const DIRECTIONS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** The nearest in the direction of an arrow key. */
function neighbor(
  nodes: readonly { readonly id: string }[],
  boxes: ReadonlyMap<string, Box>,
  from: string,
  key: string,
): string | undefined {
  const [dx, dy] = DIRECTIONS[key] ?? [0, 0]
  const start = boxes.get(from)
  let found: { readonly id: string; readonly far: number } | undefined
  for (const { id } of nodes) {
    const box = boxes.get(id)
    if (!box || !start || id === from) continue
    const [x, y] = [box.x - start.x, box.y - start.y]
    const ahead = x * dx + y * dy
    const aside = Math.abs(x * dy) + Math.abs(y * dx)
    const far = ahead + 2 * aside
    if (ahead > 1 && (!found || far < found.far)) found = { id, far }
  }
  return found?.id
}

function goTo(drawing: SVGSVGElement | null, id: string | undefined): void {
  if (id === undefined) return
  for (const node of drawing?.querySelectorAll<SVGGElement>('[data-node]') ?? [])
    if (node.dataset.node === id) node.focus({ preventScroll: true })
}
