import { append, type Flow, type FlowNode } from './model.ts'

/** The chain of jobs that determined when the workflow ended: no other change would have made it end sooner. */
export interface CriticalPath {
  /** From the first job to the last. */
  readonly ids: readonly string[]
  /** From the moment when the first was sent, to the end of the last; waiting is part of it. */
  readonly ms: number
  /** How much of that is of each task, the longest first. A job counts until the next one was sent. */
  readonly tasks: readonly { readonly task: string | null; readonly ms: number }[]
}

/**
 * From the job that ended last, back to the one without which it could not be sent, of several to the one that ended
 * last. A job that runs ends now, as far as is known. Undefined where no job has begun.
 */
export function criticalPath(flow: Flow, now: number): CriticalPath | undefined {
  const before = new Map<string, string[]>()
  for (const { from, to } of flow.edges) append(before, to, from)
  let last: FlowNode | undefined
  for (const node of flow.nodes.values()) if (hasRun(node) && (!last || isLater(node, last, now))) last = node
  if (!last) return undefined
  const path: FlowNode[] = []
  const seen = new Set<string>()
  for (let node: FlowNode | undefined = last; node && !seen.has(node.id); ) {
    path.unshift(node)
    seen.add(node.id)
    node = decisive(flow, before, node, now)
  }
  return measured(path, now)
}

/** Of all that had to end, or to run, before this job was sent: what ended last. */
function decisive(
  flow: Flow,
  before: ReadonlyMap<string, readonly string[]>,
  node: FlowNode,
  now: number,
): FlowNode | undefined {
  let found: FlowNode | undefined
  // A set that grows while it is read: each is looked at once.
  const open = new Set(placesOf(flow, node).flatMap((id) => before.get(id) ?? []))
  for (const id of open) {
    const one = flow.nodes.get(id)
    if (one?.kind === 'group') for (const member of flow.members.get(id) ?? []) open.add(member)
    else if (one && hasRun(one)) found = !found || isLater(one, found, now) ? one : found
    // One that never ran, as a step after a failure, or is not known: what is before that.
    else for (const more of before.get(id) ?? []) open.add(more)
  }
  return found
}

/** The job, and the groups around it. */
function placesOf({ nodes }: Flow, node: FlowNode): string[] {
  const places: string[] = []
  for (let one: FlowNode | undefined = node; one; one = one.group === null ? undefined : nodes.get(one.group))
    places.push(one.id)
  return places
}

function measured(path: readonly FlowNode[], now: number): CriticalPath {
  const tasks = new Map<string | null, number>()
  const begins = path.map((node) => beginOf(node))
  path.forEach((node, at) => {
    const until = begins[at + 1] ?? endOf(node, now)
    tasks.set(node.task, (tasks.get(node.task) ?? 0) + Math.max(0, until - (begins[at] ?? until)))
  })
  const last = path.at(-1)
  return {
    ids: path.map(({ id }) => id),
    ms: Math.max(0, (last ? endOf(last, now) : 0) - (begins[0] ?? 0)),
    tasks: [...tasks].map(([task, ms]) => ({ task, ms })).sort((a, b) => b.ms - a.ms),
  }
}

function hasRun({ kind, state, startedAt, endedAt }: FlowNode): boolean {
  // Celery keeps no start, unless it is asked to.
  return kind === 'task' && (startedAt !== undefined || (state === 'SUCCESS' && endedAt !== undefined))
}

function isLater(node: FlowNode, than: FlowNode, now: number): boolean {
  const [one, other] = [endOf(node, now), endOf(than, now)]
  return one === other ? beginOf(node) > beginOf(than) : one > other
}

function endOf({ endedAt }: FlowNode, now: number): number {
  return endedAt ?? now
}

function beginOf({ queuedAt, startedAt, endedAt }: FlowNode): number {
  return Math.min(...[queuedAt, startedAt, endedAt].filter((at) => at !== undefined))
}
