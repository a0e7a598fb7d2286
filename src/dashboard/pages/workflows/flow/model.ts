import type { RecordedJobDocument } from '../../../../protocol/recordedDocument.ts'
import type { WorkflowEdge, WorkflowNode, WorkflowTree } from '../../../../protocol/workflowTree.ts'
import { isEnded } from '../../../parts/stateKinds.ts'
import { withoutCircles } from './circles.ts'

/** A job of a workflow, or a group of jobs, as far as the result backend and the recorder know it. */
export interface FlowNode {
  readonly id: string
  readonly kind: 'task' | 'group'
  /** Null for a group, and where it is not known. */
  readonly task: string | null
  readonly state: string
  /** The group that it is in. */
  readonly group: string | null
  /** False: other jobs name it as their parent, and nothing else is known. */
  readonly isKnown: boolean
  /** Moments, ms since the epoch. */
  readonly queuedAt?: number | undefined
  readonly startedAt?: number | undefined
  readonly endedAt?: number | undefined
  readonly error?: string | undefined
  readonly worker?: string | undefined
  readonly queue?: string | undefined
  readonly retries?: number | undefined
}

/** Jobs, groups, and what follows from what, without circles. */
export interface Flow {
  /** By id; a group comes before what is in it. */
  readonly nodes: ReadonlyMap<string, FlowNode>
  readonly edges: readonly WorkflowEdge[]
  /** What is in each group. */
  readonly members: ReadonlyMap<string, readonly string[]>
  /** How many jobs there are, and how many have ended. */
  readonly total: number
  readonly done: number
  /** Connections that were left out, since they would make a circle. */
  readonly circles: number
}

/** What the result backend knows of a workflow, and the recorder, as one. Each of them may be missing. */
export function joinFlow(root: string, tree: WorkflowTree | undefined, jobs: readonly RecordedJobDocument[]): Flow {
  const recorded = new Map(jobs.map((job) => [job.id, job]))
  const nodes = new Map<string, FlowNode>()
  for (const node of tree?.nodes ?? []) nodes.set(node.id, nodeOf(node, recorded.get(node.id)))
  const edges: WorkflowEdge[] = [...(tree?.edges ?? [])].filter(({ from, to }) => nodes.has(from) && nodes.has(to))
  const placed = placedIn(nodes, edges)
  // The oldest first, as they were sent.
  for (const job of jobs.toReversed()) if (!nodes.has(job.id)) nodes.set(job.id, recordedNode(job))
  for (const { id, parent } of jobs) {
    if (parent === undefined || parent === id || placed.has(id)) continue
    if (!nodes.has(parent)) nodes.set(parent, unknownNode(parent))
    edges.push({ from: parent, to: id, kind: 'child' })
  }
  if (nodes.size > 0 && !nodes.has(root) && tree?.id !== root) nodes.set(root, unknownNode(root))
  return flowOf(nodes, edges)
}

/** Nodes whose place the tree says: a recorded parent adds nothing to it. */
function placedIn(nodes: ReadonlyMap<string, FlowNode>, edges: readonly WorkflowEdge[]): ReadonlySet<string> {
  const placed = new Set(edges.map(({ to }) => to))
  // A group comes before what is in it.
  for (const { id, group } of nodes.values()) if (group !== null && placed.has(group)) placed.add(id)
  return placed
}

function flowOf(all: ReadonlyMap<string, FlowNode>, links: readonly WorkflowEdge[]): Flow {
  const { groups, edges, circles } = withoutCircles(all, links)
  const members = new Map<string, string[]>()
  const nodes = new Map<string, FlowNode>()
  let total = 0
  let done = 0
  for (const node of all.values()) {
    const group = groups.get(node.id) ?? null
    nodes.set(node.id, group === node.group ? node : { ...node, group })
    if (group !== null) append(members, group, node.id)
    if (node.kind === 'group') continue
    total++
    if (isEnded(node.state)) done++
  }
  // What is in a group comes after it.
  for (const node of [...nodes.values()].reverse())
    if (node.kind === 'group') nodes.set(node.id, withMembers(node, members.get(node.id) ?? [], nodes))
  return { nodes, edges, members, total, done, circles }
}

/** The state of a group is that of its members, also where the tree is older than what the recorder has seen. */
function withMembers(group: FlowNode, ids: readonly string[], nodes: ReadonlyMap<string, FlowNode>): FlowNode {
  const states = new Set(ids.map((id) => nodes.get(id)?.state ?? 'PENDING'))
  if (states.size === 0) return group
  if (states.has('FAILURE')) return { ...group, state: 'FAILURE' }
  if (states.has('REVOKED')) return { ...group, state: 'REVOKED' }
  if ([...states].every((state) => state === 'SUCCESS')) return { ...group, state: 'SUCCESS' }
  return { ...group, state: [...states].every((state) => state === 'PENDING') ? 'PENDING' : 'STARTED' }
}

function nodeOf(node: WorkflowNode, job: RecordedJobDocument | undefined): FlowNode {
  const { id, kind, task, group, createdAt, startedAt, finishedAt, error } = node
  const seen = job && recordedNode(job)
  return {
    ...seen,
    id,
    kind,
    task: task ?? seen?.task ?? null,
    state: seen && rank(seen.state) > rank(node.state) ? seen.state : node.state,
    group,
    isKnown: true,
    // A later step is stored before it is sent.
    queuedAt: seen?.queuedAt ?? (startedAt === null ? undefined : momentOf(createdAt)),
    startedAt: seen?.startedAt ?? momentOf(startedAt),
    endedAt: seen?.endedAt ?? momentOf(finishedAt),
    error: error ? `${error.type}: ${error.message}` : seen?.error,
  }
}

function recordedNode(job: RecordedJobDocument): FlowNode {
  const { id, task, state, exception, worker, queue, retries, sentAt, receivedAt, startedAt, endedAt } = job
  return {
    id,
    kind: 'task',
    task,
    state,
    group: null,
    isKnown: true,
    queuedAt: momentOf(sentAt ?? receivedAt ?? startedAt),
    startedAt: momentOf(startedAt),
    endedAt: momentOf(endedAt),
    error: exception,
    worker,
    queue,
    retries,
  }
}

function unknownNode(id: string): FlowNode {
  return { id, kind: 'task', task: null, state: 'UNKNOWN', group: null, isKnown: false }
}

/** How far a job is. Where both have ended, what is stored counts. */
function rank(state: string): number {
  if (isEnded(state)) return 3
  return state === 'PENDING' || state === 'SENT' ? 0 : state === 'RECEIVED' ? 1 : 2
}

function momentOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

/** Add a value to a list in a map. */
export function append<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
