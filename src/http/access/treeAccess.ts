import type { Context } from 'hono'
import { HIDDEN } from '../../protocol/repr.ts'
import { isFinal } from '../../protocol/states.ts'
import type { WorkflowNode, WorkflowTree } from '../../protocol/workflowTree.ts'
import type { HttpScope } from '../apiContext.ts'
import { MAPS } from '../input/workflow.ts'
import { identityOf } from './identity.ts'
import { findHistory, seesTask } from './jobAccess.ts'
import { hasRole, outlined } from './roles.ts'
import { findGroup, submittedWorkflow } from './workflowJobs.ts'

/**
 * The workflow of the path's `:id`, as this client may see it; undefined where it may not see that job. Only tasks that
 * are exposed are in it, and none that belongs to another.
 */
export async function findTree(c: Context, scope: HttpScope): Promise<WorkflowTree | undefined> {
  const known = (await findHistory(c, scope)) ?? (await findGroup(c, scope))
  const tree = known && (await scope.app.workflow(c.req.param('id') as string))
  return tree && seenBy(c, tree, scope)
}

/** What this client may see of a workflow, one of whose jobs it may see. */
export async function seenBy(c: Context, tree: WorkflowTree, scope: HttpScope): Promise<WorkflowTree> {
  const [isMine, submitted] = await Promise.all([ownership(c, tree, scope), submittedWorkflow(tree.id, scope)])
  const isSeen = ({ id, task }: WorkflowNode): boolean =>
    task !== null && (seesTask(c, scope, task) || (submitted !== undefined && MAPS.has(task))) && isMine(id)
  const seen = new Set(tree.nodes.filter(isSeen).map(({ id }) => id))
  // Groups are seen by what is in them; that comes after them.
  for (const { id, group } of tree.nodes.toReversed()) if (group !== null && seen.has(id)) seen.add(group)
  const failed = tree.nodes.filter(({ error }) => error !== undefined).map(({ id }) => id)
  const outlines = await outlined(c, scope, failed)
  const nodes = tree.nodes.filter(({ id }) => seen.has(id)).map((node) => shown(node, outlines))
  const tasks = nodes.filter(({ kind }) => kind === 'task')
  const hidden = tree.nodes.filter(({ kind, id }) => kind === 'task' && !seen.has(id)).length
  return {
    ...tree,
    rootId: seen.has(tree.rootId) ? tree.rootId : tree.id,
    total: tree.total - hidden,
    done: tasks.filter(({ state }) => isFinal(state)).length,
    nodes,
    edges: tree.edges.filter(({ from, to }) => seen.has(from) && seen.has(to)),
  }
}

/** The errors of `celery.map` and its like may be those of any task. */
function shown(node: WorkflowNode, outlines: ReadonlySet<string>): WorkflowNode {
  const { error, ...rest } = node
  if (node.task !== null && MAPS.has(node.task)) return rest
  return error && outlines.has(node.id) ? { ...rest, error: { type: error.type, message: HIDDEN } } : node
}

/** Whether a job is the client's; one that a task has sent belongs to the owner of the first job of the workflow. */
export async function ownership(
  c: Context,
  { nodes, rootId }: WorkflowTree,
  { jobs }: HttpScope,
): Promise<(id: string) => boolean> {
  if (hasRole(c, 'viewer')) return () => true
  const me = identityOf(c)?.id
  const owners = await jobs.owners(nodes.map(({ id }) => id))
  const isRootMine = owners.get(rootId) === me
  return (id) => {
    const owner = owners.get(id)
    return owner === undefined ? isRootMine : owner === me
  }
}
