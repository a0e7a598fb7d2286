import type { WorkflowEdge } from '../../../../protocol/workflowTree.ts'

interface Contained {
  readonly id: string
  readonly group: string | null
}

interface Link {
  readonly to: string
  /** Undefined: from a group to what is in it. */
  readonly edge?: WorkflowEdge
}

/**
 * Data from outside may name each other as parents. What would close a circle is left out: then all has an order, and
 * can be drawn.
 */
export function withoutCircles(
  nodes: ReadonlyMap<string, Contained>,
  edges: readonly WorkflowEdge[],
): {
  readonly groups: ReadonlyMap<string, string>
  readonly edges: readonly WorkflowEdge[]
  readonly circles: number
} {
  const links = new Map<string, Link[]>([...nodes.keys()].map((id) => [id, []]))
  const groups = new Map<string, string>()
  for (const { id, group } of nodes.values()) {
    if (group === null || !nodes.has(group)) continue
    groups.set(id, group)
    links.get(group)?.push({ to: id })
  }
  for (const edge of edges) links.get(edge.from)?.push({ to: edge.to, edge })
  const dropped = new Set<WorkflowEdge>()
  let circles = 0
  for (const { to, edge } of backwards(links)) {
    circles++
    if (edge) dropped.add(edge)
    else groups.delete(to)
  }
  return { groups, edges: dropped.size === 0 ? edges : edges.filter((edge) => !dropped.has(edge)), circles }
}

/** The links that lead back to where the walk came from. Without recursion: a chain may have 100,000 steps. */
function* backwards(links: ReadonlyMap<string, readonly Link[]>): Generator<Link, void, void> {
  const begun = new Set<string>()
  const ended = new Set<string>()
  for (const start of links.keys()) {
    if (begun.has(start)) continue
    begun.add(start)
    const path = [{ id: start, next: 0 }]
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const link = links.get(top.id)?.[top.next++]
      if (!link) {
        ended.add(top.id)
        path.pop()
      } else if (!begun.has(link.to)) {
        begun.add(link.to)
        path.push({ id: link.to, next: 0 })
      } else if (!ended.has(link.to)) yield link
    }
  }
}
