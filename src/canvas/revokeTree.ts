import { MAX_REVOKED } from '../backend/retention.ts'
import { revokeTask, takeOut } from '../calls/revoke.ts'
import type { RevokedTree, Revoker } from '../calls/stores.ts'
import { revokeRequest } from '../protocol/control.ts'
import { revokedRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal, REVOKED } from '../protocol/states.ts'
import type { WorkflowNode, WorkflowTree } from '../protocol/workflowTree.ts'
import { pieces } from '../std/chunks.ts'
import { isoOf } from '../std/clock.ts'
import { workflowTree } from './workflowTree.ts'

/** Most nodes of a workflow that is revoked: more than one call can have. */
const MAX_NODES = 200_000
/** Ids that are read, broadcast, or taken out of queues in one step; and records that are written in one step. */
const MAX_IDS = 1000
const MAX_RECORDS_PER_WRITE = 200

/**
 * Revoke what has led to this task, or group, and what follows from it: the steps before it, the headers before it with
 * their members, and all that these have sent. Returns how many of these tasks had not ended.
 *
 * First the marks: a worker that starts from then on runs nothing of it. Then the ends of the tasks that were not sent,
 * so that their callers see REVOKED, and not how a chord ends whose members are revoked. Then the workers that run are
 * notified, and the messages are taken out of their queues. After a caller that dies in between, another call completes
 * it.
 */
export async function revokeTree(id: string, { terminate, choose }: RevokedTree, revoker: Revoker): Promise<number> {
  const { stores } = revoker
  const tree = await workflowTree(id, stores.backend, MAX_NODES)
  if (!tree) return (await revokeTask(stores, id, terminate, revoker.followUps, revoker.clock)) ? 1 : 0
  const isChosen = choose ? await choose(tree) : () => true
  const branch = branchOf(tree, id)
  const nodes = tree.nodes.filter((node) => branch.has(node.id))
  const open = openIn(nodes)
  const tasks = nodes.filter((node) => node.kind === 'task' && open.has(node.id) && isChosen(node.id))
  if (tasks.length === 0) return 0
  const metas = await loadAll(tasks, revoker)
  const others = openIn(nodes.filter((node) => node.kind === 'group' || !isChosen(node.id)))
  const groups = nodes.filter(({ id: group, kind }) => kind === 'group' && open.has(group) && !others.has(group))
  // Also those that a caller has ended which died before it notified the workers.
  const stopped = nodes.filter((node) => node.kind === 'task' && mayRun(node) && isChosen(node.id))
  // Workers know a member by its group, too: that holds for members that are added, and for more than can be kept.
  const marks = [...stopped.slice(0, Math.max(0, MAX_REVOKED - groups.length)), ...groups].map((node) => node.id)
  for (const some of pieces(marks, MAX_IDS)) await stores.backend.revoked.add(some, dueOf(metas))
  const unsent = unsentIn(tree, open)
  const later = tasks.filter((node) => unsent.has(node.id))
  await writeEnds(later, metas, revoker)
  for (const some of pieces(marks, MAX_IDS)) {
    const { envelope, route } = revokeRequest(some, terminate)
    await stores.broker.publish(envelope, route)
  }
  const sent = tasks.filter((node) => !unsent.has(node.id))
  for (const some of pieces(sent, MAX_IDS))
    await Promise.all(
      some.map((node) => takeOut(stores, { id: node.id, known: metas.get(node.id) }, revoker.followUps, revoker.clock)),
    )
  return tasks.length
}

function mayRun({ state }: WorkflowNode): boolean {
  return !isFinal(state) || state === REVOKED
}

/** The ids of all that leads to this one, and of what follows from these. */
function branchOf({ nodes, edges }: WorkflowTree, id: string): ReadonlySet<string> {
  const [before, after, members] = [new Links(), new Links(), new Links()]
  for (const { from, to, kind } of edges) {
    after.add(from, to)
    if (kind !== 'child') before.add(to, from)
  }
  for (const node of nodes) if (node.group !== null) members.add(node.group, node.id)
  // What precedes is followed to its beginning first: what follows from a member of a header is not its body.
  const branch = reach([id], [before, members])
  return reach([...branch], [after, members])
}

class Links {
  readonly #found = new Map<string, string[]>()

  add(from: string, to: string): void {
    const known = this.#found.get(from)
    if (known) known.push(to)
    else this.#found.set(from, [to])
  }

  of(id: string): readonly string[] {
    return this.#found.get(id) ?? []
  }
}

function reach(ids: readonly string[], links: readonly Links[]): ReadonlySet<string> {
  const found = new Set(ids)
  // A set that grows while it is read: each id is looked at once.
  for (const id of found) for (const one of links) for (const next of one.of(id)) found.add(next)
  return found
}

/** The tasks among these that have not ended, and the groups with such a task in them. */
function openIn(nodes: readonly WorkflowNode[]): ReadonlySet<string> {
  const open = new Set<string>()
  // What is in a group comes after it.
  for (const { id, kind, state, group } of nodes.toReversed()) {
    if (kind === 'task' && !isFinal(state)) open.add(id)
    if (group !== null && open.has(id)) open.add(group)
  }
  return open
}

/** What is not sent yet: what comes before it has not ended. */
function unsentIn({ nodes, edges }: WorkflowTree, open: ReadonlySet<string>): ReadonlySet<string> {
  const before = new Map(edges.flatMap(({ from, to, kind }) => (kind === 'child' ? [] : [[to, from] as const])))
  const unsent = new Set<string>()
  for (const { id, group } of nodes) {
    const from = before.get(id)
    const waits = from !== undefined && (open.has(from) || unsent.has(from))
    if (waits || (group !== null && unsent.has(group))) unsent.add(id)
  }
  return unsent
}

async function loadAll(
  tasks: readonly WorkflowNode[],
  { stores: { backend } }: Revoker,
): Promise<ReadonlyMap<string, TaskMeta>> {
  const metas = new Map<string, TaskMeta>()
  for (const some of pieces(tasks, MAX_IDS))
    for (const meta of await backend.load(some.map(({ id }) => id))) if (meta) metas.set(meta.task_id, meta)
  return metas
}

/** The latest moment that one of them waits for. */
function dueOf(metas: ReadonlyMap<string, TaskMeta>): number | undefined {
  const dues = [...metas.values()].flatMap(({ date_due: due }) => (due === undefined ? [] : [Date.parse(due)]))
  return dues.length === 0 ? undefined : dues.reduce((one, other) => Math.max(one, other))
}

async function writeEnds(
  tasks: readonly WorkflowNode[],
  metas: ReadonlyMap<string, TaskMeta>,
  { stores: { unitOfWork }, clock }: Revoker,
): Promise<void> {
  for (const some of pieces(tasks, MAX_RECORDS_PER_WRITE)) {
    const done = isoOf(clock.now())
    const records = some.map(({ id, task }) =>
      revokedRecord(id, metas.get(id) ?? { name: task ?? undefined }, 'revoked', done),
    )
    await unitOfWork.write({ also: records })
  }
}
