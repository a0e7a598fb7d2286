import type { WorkflowEdge } from '../../../../protocol/workflowTree.ts'
import type { Flow, FlowNode } from '../flow/model.ts'
import type { Below, Order } from '../flow/order.ts'

/** Many jobs, drawn as one. */
export interface Bundle {
  readonly id: string
  readonly count: number
  /** How many are in each state. */
  readonly states: ReadonlyMap<string, number>
  /** Name of their task; undefined: several. */
  readonly task: string | null | undefined
}

/** What is drawn: jobs, groups and bundles, each in a group or in none. */
export interface ShownGraph {
  readonly nodes: readonly (FlowNode | Bundle)[]
  readonly edges: readonly WorkflowEdge[]
  /** The group in which each is drawn. */
  readonly places: ReadonlyMap<string, string>
  /** What stands for each node: itself, or the bundle that it is in. */
  readonly drawnAs: ReadonlyMap<string, string>
}

/** Jobs of a workflow of which each is drawn by itself. */
const MAX_DRAWN = 300
/** Jobs side by side of a larger one, of which each is drawn. */
const MAX_BESIDE = 12

export function isBundle(node: FlowNode | Bundle): node is Bundle {
  return 'count' in node
}

/**
 * All of a workflow, or, of a large one, its beginning: many jobs side by side are one bundle, and so is what does not
 * fit any more. `opened`: how many jobs of each bundle are drawn by themselves; `pinned` are so in any case.
 */
export function shownGraph(
  flow: Flow,
  order: Order,
  opened: ReadonlyMap<string, number> = new Map(),
  pinned: ReadonlySet<string> = new Set(),
): ShownGraph {
  const walk = new Walk(flow, order, opened, pinned)
  walk.run()
  const { shown, drawnAs, places } = walk
  return { nodes: shown, edges: liftedEdges(flow, drawnAs), places, drawnAs }
}

class Walk {
  readonly shown: (FlowNode | Bundle)[] = []
  readonly drawnAs = new Map<string, string>()
  readonly places = new Map<string, string>()
  readonly #flow: Flow
  readonly #order: Order
  readonly #opened: ReadonlyMap<string, number>
  /** What is pinned, and all above it. */
  readonly #pinned = new Set<string>()
  readonly #isLarge: boolean
  #room: number

  constructor(flow: Flow, order: Order, opened: ReadonlyMap<string, number>, pinned: ReadonlySet<string>) {
    this.#flow = flow
    this.#order = order
    this.#opened = opened
    this.#isLarge = flow.nodes.size > MAX_DRAWN
    this.#room = MAX_DRAWN + [...opened.values()].reduce((all, one) => all + one, 0)
    for (const id of pinned)
      for (let one: string | undefined = id; one !== undefined && !this.#pinned.has(one); one = order.above.get(one))
        this.#pinned.add(one)
  }

  /** Broad first: of what does not fit, the beginning is drawn. */
  run(): void {
    const queue = this.#take('', this.#order.first, undefined)
    for (const { id, place } of queue) {
      const node = this.#flow.nodes.get(id)
      if (!node) continue
      this.shown.push(node)
      this.drawnAs.set(id, id)
      if (place !== undefined) this.places.set(id, place)
      const { members, children, after } = this.#order.below.get(id) as Below
      // What a member sends, and what follows it, is drawn in its group.
      queue.push(...this.#take(`${id} after`, after, place))
      queue.push(...this.#take(`${id} members`, members, id))
      queue.push(...this.#take(`${id} children`, children, place))
    }
  }

  /** Those of a list that are drawn; the others become a bundle. */
  #take(
    key: string,
    ids: readonly string[],
    place: string | undefined,
  ): { readonly id: string; readonly place: string | undefined }[] {
    const count = this.#drawnOf(key, ids)
    const drawn = count >= ids.length ? ids : ids.filter((id, at) => at < count || this.#pinned.has(id))
    this.#room -= drawn.length
    if (drawn.length < ids.length) {
      const left = new Set(drawn)
      this.#bundle(
        `more ${key}`,
        ids.filter((id) => !left.has(id)),
        place,
      )
    }
    return drawn.map((id) => ({ id, place: this.#placeOf(id, place) }))
  }

  #drawnOf(key: string, ids: readonly string[]): number {
    if (!this.#isLarge) return ids.length
    const asked = this.#opened.get(`more ${key}`) ?? 0
    const wanted = ids.length > MAX_BESIDE ? asked : ids.length
    return wanted <= this.#room ? wanted : asked
  }

  #placeOf(id: string, place: string | undefined): string | undefined {
    return this.#flow.nodes.get(id)?.group ?? place
  }

  #bundle(id: string, ids: readonly string[], place: string | undefined): void {
    const states = new Map<string, number>()
    const tasks = new Set<string | null>()
    let count = 0
    const inside = [...ids]
    for (let one = inside.pop(); one !== undefined; one = inside.pop()) {
      const node = this.#flow.nodes.get(one)
      this.drawnAs.set(one, id)
      const { members = [], children = [], after = [] } = this.#order.below.get(one) ?? {}
      for (const list of [members, children, after]) for (const more of list) inside.push(more)
      if (!node || node.kind === 'group') continue
      count++
      states.set(node.state, (states.get(node.state) ?? 0) + 1)
      tasks.add(node.task)
    }
    const [task] = tasks
    this.shown.push({ id, count, states, task: tasks.size === 1 ? task : undefined })
    if (place !== undefined) this.places.set(id, place)
  }
}

/** From what stands for the one to what stands for the other, each once. */
function liftedEdges({ edges }: Flow, drawnAs: ReadonlyMap<string, string>): readonly WorkflowEdge[] {
  const found = new Map<string, WorkflowEdge>()
  for (const edge of edges) {
    const from = drawnAs.get(edge.from)
    const to = drawnAs.get(edge.to)
    if (from === undefined || to === undefined || from === to) continue
    const key = `${from}\n${to}`
    if (!found.has(key)) found.set(key, from === edge.from && to === edge.to ? edge : { ...edge, from, to })
  }
  return [...found.values()]
}
