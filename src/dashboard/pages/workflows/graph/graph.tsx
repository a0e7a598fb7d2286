import type { HTMLAttributes, JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useKeys } from '../../../app/keys.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Icon } from '../../../parts/icon.tsx'
import type { Focus } from '../flow/focus.ts'
import type { Flow } from '../flow/model.ts'
import type { Order } from '../flow/order.ts'
import { Drawing } from './drawing.tsx'
import { layoutOf } from './layout.ts'
import { type ShownGraph, shownGraph } from './shownGraph.ts'
import { Viewport } from './viewport.ts'

/** One press of a key moves so many pixels, and zooms by this factor. */
const STEP = 60
const ZOOM = 1.25
/** Jobs that one press of a bundle draws by themselves. */
const OPENED = 60
const NARROW = 560
const MIN_HEIGHT = 130
const MAX_HEIGHT = 460

export interface GraphProps {
  readonly flow: Flow
  readonly order: Order
  /** Ids of the jobs of the critical path. */
  readonly critical: ReadonlySet<string>
  /** The jobs of it that are drawn by themselves in any case; of a workflow that runs, none. */
  readonly pinned: ReadonlySet<string>
  readonly focus: Focus
}

/** The jobs of a workflow and what follows from what, in layers. */
export function Graph({ flow, order, critical, pinned, focus }: GraphProps): JSX.Element {
  const [opened, setOpened] = useState<ReadonlyMap<string, number>>(new Map())
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const direction = width > 0 && width < NARROW ? 'down' : 'right'
  const graph = useMemo(() => shownGraph(flow, order, opened, pinned), [flow, order, opened, pinned])
  // States change often, places do not: then nothing moves.
  const form = formOf(graph)
  const layout = useMemo(() => layoutOf(graph, direction), [form, direction])
  const viewport = useMemo(() => new Viewport(), [])
  const height = Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, layout.height * Math.min(1, width / layout.width) + 40))
  useEffect(() => viewport.resize({ width, height }, layout), [width, height, layout])
  useWheel(frame, viewport)
  useKeys([
    { keys: '+', does: 'Zoom in', run: () => viewport.zoom(ZOOM) },
    { keys: '-', does: 'Zoom out', run: () => viewport.zoom(1 / ZOOM) },
    { keys: '0', does: 'Show the whole graph', run: () => viewport.fit() },
  ])
  return (
    <section class="part" aria-label="Graph">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields. */}
      <div
        ref={frame}
        class="graph"
        role="group"
        aria-label="Graph of the jobs. The arrow keys move it, or go from job to job. The waterfall below has the same as a table."
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move what is in it.
        tabIndex={0}
        style={{ height: `${height}px` }}
        onKeyDown={(event) => moveByKey(event, viewport)}
        {...pointerEvents(viewport)}
      >
        <Drawing
          graph={graph}
          layout={layout}
          viewport={viewport}
          critical={critical}
          focus={focus}
          open={(id) => setOpened(new Map(opened).set(id, (opened.get(id) ?? 0) + OPENED))}
        />
        <div class="graph-buttons">
          <Button kind="icon" label="Zoom in" onPress={() => viewport.zoom(ZOOM)}>
            <Icon name="plus" />
          </Button>
          <Button kind="icon" label="Zoom out" onPress={() => viewport.zoom(1 / ZOOM)}>
            <Icon name="minus" />
          </Button>
          <Button kind="icon" label="Show the whole graph" onPress={() => viewport.fit()}>
            <Icon name="fit" />
          </Button>
        </div>
      </div>
      <Legend graph={graph} />
    </section>
  )
}

/** What the kinds of lines mean, as far as they are there. */
function Legend({ graph }: { graph: ShownGraph }): JSX.Element | null {
  const kinds = new Set(graph.edges.map(({ kind }) => kind))
  if (kinds.size === 0) return null
  const words = { next: 'next step', body: 'body of a chord', child: 'sent by the job' } as const
  return (
    <p class="graph-legend quiet">
      {(['next', 'body', 'child'] as const)
        .filter((kind) => kinds.has(kind))
        .map((kind) => (
          <span key={kind}>
            <svg viewBox="0 0 28 8" aria-hidden="true">
              <path class={`edge ${kind}`} d="M1 4H27" />
            </svg>
            {words[kind]}
          </span>
        ))}
    </p>
  )
}

function formOf({ nodes, edges, places }: ShownGraph): string {
  return JSON.stringify([nodes.map(({ id }) => [id, places.get(id)]), edges])
}

function useWidth(element: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const { current } = element
    if (!current) return
    const observer = new ResizeObserver(() => setWidth(current.clientWidth))
    observer.observe(current)
    setWidth(current.clientWidth)
    return () => observer.disconnect()
  }, [])
  return width
}

/** With Ctrl, as a touchpad says it when two fingers zoom; without, the page scrolls. */
function useWheel(element: { readonly current: HTMLElement | null }, viewport: Viewport): void {
  useEffect(() => {
    const { current } = element
    const zoom = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
      viewport.zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - left, y: event.clientY - top })
    }
    current?.addEventListener('wheel', zoom, { passive: false })
    return () => current?.removeEventListener('wheel', zoom)
  }, [viewport])
}

function pointerEvents(viewport: Viewport): HTMLAttributes<HTMLDivElement> {
  const up = (event: PointerEvent): void => viewport.up(event.pointerId)
  return {
    onPointerDown: (event) => {
      if (event.button === 0) viewport.down(event.pointerId, event.clientX, event.clientY)
    },
    onPointerMove: (event) => {
      const { currentTarget, pointerId } = event
      const isMoved = viewport.drag(pointerId, event.clientX, event.clientY, currentTarget.getBoundingClientRect())
      // Not before: a click goes to what is below the pointer.
      if (isMoved && viewport.wasMoved) currentTarget.setPointerCapture(pointerId)
    },
    onPointerUp: up,
    onPointerCancel: up,
    onPointerLeave: up,
  }
}

function moveByKey(event: KeyboardEvent, viewport: Viewport): void {
  if (event.target !== event.currentTarget || event.ctrlKey || event.altKey || event.metaKey) return
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [STEP, 0],
    ArrowRight: [-STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
  }
  const move = moves[event.key]
  if (!move) return
  event.preventDefault()
  viewport.move(...move)
}
