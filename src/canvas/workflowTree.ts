import type { ResultBackend } from '../backend/backend.ts'
import { infoOf } from '../calls/jobInfo.ts'
import { childIds, type TaskMeta } from '../protocol/result.ts'
import { FAILURE, isFinal, PENDING, PROGRESS, REVOKED, STARTED, SUCCESS } from '../protocol/states.ts'
import type { WorkflowNode, WorkflowTree } from '../protocol/workflowTree.ts'
import { pieces } from '../std/chunks.ts'
import { type KeptWorkflow, keptWorkflow } from './keptShape.ts'
import { type Place, TreeNodes } from './treeNodes.ts'

/** Most nodes of a tree, unless its caller wants fewer. */
export const MAX_TREE_NODES = 10_000
/** Most steps up to the first task, and most generations of children. */
const MAX_DEPTH = 100
/** Records, or notes, that are read at once. */
const MAX_READS = 1000

/**
 * The workflow that this task, or group, belongs to; undefined where nothing is known of it. What was sent as a
 * workflow is known from its shape, which its sender has kept; what tasks have sent by themselves, from the records of
 * these tasks once they have ended. Throws StoreUnavailableError.
 */
export async function workflowTree(
  id: string,
  backend: ResultBackend,
  limit: number = MAX_TREE_NODES,
): Promise<WorkflowTree | undefined> {
  const root = await findRoot(id, backend)
  if (root === undefined) return undefined
  const nodes = new TreeNodes(limit)
  const end = typeof root === 'string' ? root : nodes.addWorkflow(root, undefined)
  if (typeof root === 'string') nodes.addTask(root, undefined)
  const metas = await readDown(nodes, backend)
  return treeOf({ id: end, rootId: typeof root === 'string' ? root : root.rootId }, nodes, metas)
}

/** The workflow that was kept, or else the first of the tasks that have led to this one. */
async function findRoot(id: string, backend: ResultBackend): Promise<KeptWorkflow | string | undefined> {
  let found: string | undefined
  let next: string | undefined = id
  for (let depth = 0; next !== undefined && depth < MAX_DEPTH; depth++) {
    const kept = await keptIn(next, backend)
    if (kept) return kept
    const [meta] = await backend.load([next])
    if (!meta) return found
    found = next
    next = meta.parent_id ?? undefined
  }
  return found
}

async function keptIn(id: string, { notes }: ResultBackend): Promise<KeptWorkflow | undefined> {
  return notes && keptWorkflow(id, notes)
}

/** Read the records of all nodes, and add the tasks that these have sent. */
async function readDown(nodes: TreeNodes, backend: ResultBackend): Promise<ReadonlyMap<string, TaskMeta>> {
  const metas = new Map<string, TaskMeta>()
  let level = tasksOf(nodes.places.values())
  for (let depth = 0; level.length > 0 && depth < MAX_DEPTH; depth++) {
    for (const ids of pieces(level, MAX_READS))
      for (const meta of await backend.load(ids)) if (meta) metas.set(meta.task_id, meta)
    const before = nodes.places.size
    const sent = level.flatMap((parent) => childIds(metas.get(parent)?.children ?? []).map((id) => ({ id, parent })))
    for (const some of pieces(sent, MAX_READS)) await addChildren(nodes, some, backend)
    level = tasksOf([...nodes.places.values()].slice(before))
  }
  return metas
}

async function addChildren(
  nodes: TreeNodes,
  sent: readonly { readonly id: string; readonly parent: string }[],
  backend: ResultBackend,
): Promise<void> {
  const unknown = sent.filter(({ id }) => !nodes.places.has(id))
  const kept = await Promise.all(unknown.map(({ id }) => (nodes.room > 0 ? keptIn(id, backend) : undefined)))
  for (const [at, { id, parent }] of unknown.entries()) {
    const workflow = kept[at]
    if (workflow?.rootId === id) nodes.addWorkflow(workflow, parent)
    // It may be a member of the workflow before it.
    else nodes.addTask(id, parent)
  }
}

function tasksOf(places: Iterable<Place>): string[] {
  return [...places].flatMap(({ id, kind }) => (kind === 'task' ? [id] : []))
}

function treeOf(
  ids: Pick<WorkflowTree, 'id' | 'rootId'>,
  { places, edges, left }: TreeNodes,
  metas: ReadonlyMap<string, TaskMeta>,
): WorkflowTree {
  const known = [...places.values()].map((place) => nodeOf(place, metas.get(place.id)))
  const nodes = withGroupStates(known, left > 0)
  const tasks = nodes.filter(({ kind }) => kind === 'task')
  return {
    ...ids,
    state: nodes.find(({ id }) => id === ids.id)?.state ?? PENDING,
    total: tasks.length + left,
    done: tasks.filter(({ state }) => isFinal(state)).length,
    truncated: left > 0,
    nodes,
    edges,
  }
}

function nodeOf({ id, kind, task, group }: Place, meta: TaskMeta | undefined): WorkflowNode {
  const info = meta && infoOf(meta)
  const state = info?.state ?? PENDING
  const error = info?.error
  return {
    id,
    kind,
    task: task ?? info?.task ?? null,
    state: state === PROGRESS ? STARTED : state,
    group,
    createdAt: info?.submittedAt?.toISOString() ?? null,
    startedAt: info?.startedAt?.toISOString() ?? null,
    finishedAt: info?.finishedAt?.toISOString() ?? null,
    ...(error && { error: { type: error.type, message: error.message } }),
  }
}

/** The state of a group is that of all in it, also of groups in it. `truncated`: it has more than is shown. */
function withGroupStates(nodes: readonly WorkflowNode[], truncated: boolean): readonly WorkflowNode[] {
  const within = new Map<string, string[]>()
  const states = new Map<string, string>()
  // What is in a group comes after it.
  for (const { id, kind, state, group } of nodes.toReversed()) {
    const own = kind === 'group' ? stateOfGroup(within.get(id) ?? [], truncated) : state
    states.set(id, own)
    if (group === null) continue
    const others = within.get(group)
    if (others) others.push(own)
    else within.set(group, [own])
  }
  return nodes.map((node) => ({ ...node, state: states.get(node.id) ?? node.state }))
}

function stateOfGroup(states: readonly string[], truncated: boolean): string {
  if (states.includes(FAILURE)) return FAILURE
  if (states.includes(REVOKED)) return REVOKED
  if (!truncated && states.every((state) => state === SUCCESS)) return SUCCESS
  return states.every((state) => state === PENDING) ? PENDING : STARTED
}
