import type { JSX } from 'preact'
import { iconPath } from '../../../parts/icon.tsx'
import { kindOf } from '../../../parts/state.tsx'
import { visible } from '../../../parts/text/outside.tsx'
import type { FlowNode } from '../flow/model.ts'
import type { Box } from './layout.ts'

/** A group, around what is in it. */
export function GraphBox({ group, box }: { group: FlowNode; box: Box }): JSX.Element {
  const kind = kindOf(group.state)
  return (
    <g class="group-box" transform={`translate(${box.x} ${box.y})`}>
      <rect width={box.width} height={box.height} rx={8} />
      <g class={`mark ${kind}`} transform="translate(10 8)">
        <path d={iconPath(`state-${kind}`)} />
      </g>
      <text x={30} y={21}>
        Group · {visible(group.state.slice(0, 40))}
      </text>
    </g>
  )
}
