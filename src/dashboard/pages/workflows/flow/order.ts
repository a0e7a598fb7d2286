import { append, type Flow } from './model.ts'

/** What comes below a node in the tree of rows, by why it is there. */
export interface Below {
  /** What is in the group, without the later steps of a chain in it. */
  readonly members: readonly string[]
  /** What the job has sent. */
  readonly children: readonly string[]
  /** What comes next: steps of a chain, the body of a chord. */
  readonly after: readonly string[]
}

/** Each node once, in an order in which nothing comes before what it follows from in the tree. */
export interface Row {
  readonly id: string
  /** How far it is moved in: members and what was sent are below, a next step is not. */
  readonly depth: number
}

export interface Order {
  readonly rows: readonly Row[]
  /** Where the tree begins. */
  readonly first: readonly string[]
  readonly below: ReadonlyMap<string, Below>
  /** The node that each one is below. */
  readonly above: ReadonlyMap<string, string>
}

const NOTHING: Below = { members: [], children: [], after: [] }

/** The tree of rows of a workflow: depth first. A node to which two lead is below the first of them. */
export function orderOf(flow: Flow): Order {
  const links = linksOf(flow)
  const reached = new Set(flow.edges.map(({ to }) => to))
  const first = [...flow.nodes.values()]
    .filter(({ id, group }) => group === null && !reached.has(id))
    .map(({ id }) => id)
  const below = new Map<string, Below>()
  const above = new Map<string, string>()
  const rows: Row[] = []
  const seen = new Set(first)
  const take = (ids: readonly string[], from: string): readonly string[] => {
    const taken = ids.filter((id) => !seen.has(id))
    for (const id of taken) {
      seen.add(id)
      above.set(id, from)
    }
    return taken
  }
  const stack: Row[] = first.toReversed().map((id) => ({ id, depth: 0 }))
  for (let row = stack.pop(); row; row = stack.pop()) {
    const { id, depth } = row
    rows.push(row)
    const { members, children, after } = links.get(id) ?? NOTHING
    const own: Below = { after: take(after, id), members: take(members, id), children: take(children, id) }
    below.set(id, own)
    // One after the other is no level of its own, as in a chain of Python, of which only the parents are known.
    const isLine = own.children.length === 1 && own.members.length + own.after.length === 0
    const inner = isLine ? depth : depth + 1
    stack.push(...own.after.toReversed().map((one) => ({ id: one, depth })))
    stack.push(...own.children.toReversed().map((one) => ({ id: one, depth: inner })))
    stack.push(...own.members.toReversed().map((one) => ({ id: one, depth: depth + 1 })))
  }
  return { rows, first, below, above }
}

function linksOf({ nodes, edges, members }: Flow): ReadonlyMap<string, Below> {
  const children = new Map<string, string[]>()
  const after = new Map<string, string[]>()
  /** Later steps of a chain in a group: they are below the step before. */
  const later = new Set<string>()
  for (const { from, to, kind } of edges) {
    append(kind === 'child' ? children : after, from, to)
    const group = nodes.get(to)?.group
    if (group !== null && group === nodes.get(from)?.group) later.add(to)
  }
  const links = new Map<string, Below>()
  for (const id of nodes.keys()) {
    const inside = (members.get(id) ?? []).filter((one) => !later.has(one))
    links.set(id, { members: inside, children: children.get(id) ?? [], after: after.get(id) ?? [] })
  }
  return links
}
