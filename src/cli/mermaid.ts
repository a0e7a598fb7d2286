import type { WorkflowNode, WorkflowTree } from '../protocol/workflowTree.ts'

/** Fill and border of each state. */
const COLOURS: readonly (readonly [state: string, fill: string, stroke: string])[] = [
  ['PENDING', '#f1f3f5', '#868e96'],
  ['RECEIVED', '#e7f5ff', '#4dabf7'],
  ['STARTED', '#d0ebff', '#1c7ed6'],
  ['RETRY', '#fff3bf', '#f08c00'],
  ['SUCCESS', '#d3f9d8', '#2f9e44'],
  ['FAILURE', '#ffe3e3', '#e03131'],
  ['REVOKED', '#e5dbff', '#7048e8'],
]

/** A workflow as a flowchart of Mermaid: tasks by their names, in groups, with a class for each state. */
export function mermaidOf({ nodes, edges, done, total, truncated }: WorkflowTree): string {
  // Ids of Mermaid cannot be any text.
  const names = new Map(nodes.map(({ id }, at) => [id, `n${at}`]))
  const within = Map.groupBy(nodes, ({ group }) => group)
  const lines = (group: string | null, indent: string): string[] =>
    (within.get(group) ?? []).flatMap((node) => {
      const name = names.get(node.id) ?? ''
      if (node.kind === 'task') return [`${indent}${name}["${labelOf(node)}"]:::${classOf(node)}`]
      return [`${indent}subgraph ${name}["${labelOf(node)}"]`, ...lines(node.id, `${indent}  `), `${indent}end`]
    })
  const states = new Set(nodes.map(classOf))
  return [
    'flowchart LR',
    `  %% ${done} of ${total} tasks have ended${truncated ? '; not all are shown' : ''}`,
    ...lines(null, '  '),
    ...edges.map(({ from, to, kind }) => `  ${names.get(from)} ${kind === 'child' ? '-.->' : '-->'} ${names.get(to)}`),
    ...COLOURS.filter(([state]) => states.has(state)).map(
      ([state, fill, stroke]) => `  classDef ${state} fill:${fill},stroke:${stroke},color:#000`,
    ),
    '',
  ].join('\n')
}

/** States of a task's own have a name of any text. */
function classOf({ state }: WorkflowNode): string {
  return COLOURS.some(([known]) => known === state) ? state : 'STARTED'
}

/** The name and, of a failed task, its error; characters that Mermaid would read are written as entities. */
function labelOf({ kind, task, state, error }: WorkflowNode): string {
  const name = kind === 'group' ? 'group' : (task ?? 'unknown task')
  const known = error ? `${state}: ${error.type}` : state
  return `${escapeLabel(name)}<br/>${escapeLabel(known)}`
}

function escapeLabel(text: string): string {
  return text.slice(0, 100).replace(/[^\w .:-]/g, (character) => `#${character.codePointAt(0)};`)
}
