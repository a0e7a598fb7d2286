import type { ComponentChildren, JSX } from 'preact'
import { useValue } from '../../../api/signal.ts'
import { iconPath } from '../../../parts/icon.tsx'
import { kindOf } from '../../../parts/state.tsx'
import { now } from '../../../parts/text/time.tsx'
import { type Focus, useIsLit } from '../flow/focus.ts'
import type { FlowNode } from '../flow/model.ts'
import { byUrgency } from '../flow/stateWords.ts'
import type { Box } from './layout.ts'
import { bundleName, bundleStates, nameOf, nodeWords, shortName } from './nodeText.ts'
import type { Bundle, ShownGraph } from './shownGraph.ts'

interface Common {
  readonly box: Box
  /** It is in the order of the Tab key. */
  readonly isStop: boolean
  readonly focus: Focus
  readonly open: () => void
  /** It has the focus now. */
  readonly focused: () => void
  /** An arrow key was pressed. */
  readonly go: (key: string) => void
}

/** A job: a mark, its task, the word for its state, and how long it ran. */
export function JobNode({
  node,
  isCritical,
  ...common
}: Common & { node: FlowNode; isCritical: boolean }): JSX.Element {
  const { focus } = common
  const isLit = useIsLit(focus, node.id)
  const kind = kindOf(node.state)
  // Only what runs changes with the time.
  const isRunning = node.endedAt === undefined && node.startedAt !== undefined
  const time = useValue(now, (at) => (isRunning ? at : 0))
  const words = nodeWords(node, time, isCritical)
  const [short, full] = [shortName(node.task), nameOf(node.task)]
  return (
    <Node
      {...common}
      id={node.id}
      label={short === full ? `${short} ${words}` : `${short} ${words} (${full})`}
      classes={`job ${kind} ${isCritical ? 'critical' : ''} ${isLit ? 'lit' : ''} ${node.isKnown ? '' : 'unknown'}`}
      light={node.id}
    >
      <Mark kind={kind} />
      <Words box={common.box} name={short} more={words} />
    </Node>
  )
}

/** Many jobs as one: opened, some of them are drawn by themselves. */
export function BundleNode({ bundle, graph, ...common }: Common & { bundle: Bundle; graph: ShownGraph }): JSX.Element {
  const { focus } = common
  const isLit = useValue(focus.lit, (id) => id !== undefined && graph.drawnAs.get(id) === bundle.id)
  const [[state = 'PENDING'] = []] = byUrgency(bundle.states)
  const kind = kindOf(state)
  const label = `${bundleName(bundle)} ${bundleStates(bundle)}. Enter shows some of them.`
  return (
    <Node {...common} id={bundle.id} label={label} classes={`bundle ${kind} ${isLit ? 'lit' : ''}`}>
      <rect class="behind" x={5} y={5} width={common.box.width} height={common.box.height} rx={6} />
      <rect width={common.box.width} height={common.box.height} rx={6} />
      <Mark kind={kind} />
      <Words box={common.box} name={bundleName(bundle)} more={bundleStates(bundle)} />
    </Node>
  )
}

interface NodeProps extends Common {
  readonly id: string
  readonly label: string
  readonly classes: string
  /** The job that is lit while the pointer is over it. */
  readonly light?: string
  readonly children: ComponentChildren
}

function Node(props: NodeProps): JSX.Element {
  const { id, box, label, classes, light, isStop, focus, open, focused, go, children } = props
  const shine = (): void => {
    if (light !== undefined) focus.lit.value = light
  }
  const dim = (): void => {
    focus.lit.value = undefined
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button.
    <g
      role="button"
      class={`node ${classes}`}
      data-node={id}
      tabIndex={isStop ? 0 : -1}
      aria-label={label}
      transform={`translate(${box.x} ${box.y})`}
      onClick={open}
      onPointerEnter={shine}
      onPointerLeave={dim}
      onBlur={dim}
      onFocus={() => {
        shine()
        focused()
      }}
      onKeyDown={(event) => {
        if (event.key.startsWith('Arrow')) go(event.key)
        else if (event.key === 'Enter' || event.key === ' ') open()
        else return
        event.preventDefault()
      }}
    >
      <rect width={box.width} height={box.height} rx={6} />
      {children}
    </g>
  )
}

/** Two lines, cut where the box ends. */
function Words({ box, name, more }: { box: Box; name: string; more: string }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: the job around it has a name.
    <svg x={32} width={box.width - 38} height={box.height}>
      <text class="name" y={18}>
        {`${name} `}
      </text>
      <text class="more" y={34}>
        {more}
      </text>
    </svg>
  )
}

function Mark({ kind }: { kind: string }): JSX.Element {
  return (
    <g class={`mark ${kind}`} transform="translate(9 14)">
      <path d={iconPath(`state-${kind}`)} />
    </g>
  )
}
