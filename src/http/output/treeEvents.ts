import { isFinal, PENDING } from '../../protocol/states.ts'
import type { WorkflowTree } from '../../protocol/workflowTree.ts'

/** Id of the last event of a stream. */
export const LAST_ID = 'end'

export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  vary: 'Accept',
}

/** The result has ended, and no task of it runs. A task without a record may never get one. */
export function hasEnded({ state, nodes }: WorkflowTree): boolean {
  return (
    isFinal(state) &&
    nodes.every(
      (node) => isFinal(node.state) || (node.state === PENDING && node.createdAt === null) || node.kind === 'group',
    )
  )
}

/** The whole tree as an event. */
export function treeText(tree: WorkflowTree): string {
  return eventText('workflow', tree, tree)
}

/** What has changed, as an event; undefined where nothing has. Of nodes and edges, those that are new or others. */
export function changeOf(before: WorkflowTree, now: WorkflowTree): string | undefined {
  const nodes = new Set(before.nodes.map((node) => JSON.stringify(node)))
  const edges = new Set(before.edges.map((edge) => JSON.stringify(edge)))
  const { id, rootId, state, total, done, truncated } = now
  const change = {
    id,
    rootId,
    state,
    total,
    done,
    truncated,
    nodes: now.nodes.filter((node) => !nodes.has(JSON.stringify(node))),
    edges: now.edges.filter((edge) => !edges.has(JSON.stringify(edge))),
  }
  const isSame = change.nodes.length === 0 && change.edges.length === 0 && done === before.done
  return isSame && state === before.state ? undefined : eventText('change', change, now)
}

function eventText(type: string, data: object, tree: WorkflowTree): string {
  const id = hasEnded(tree) ? `id: ${LAST_ID}\n` : ''
  return `${id}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}
