import { useEffect, useRef } from 'preact/hooks'
import { ProblemError } from '../../../client/problem.ts'
import type { RecordedJobDocument } from '../../../protocol/recordedDocument.ts'
import type { WorkflowTree } from '../../../protocol/workflowTree.ts'
import { client } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { useValue } from '../../api/signal.ts'
import { useThrottled } from '../../api/throttled.ts'
import { isVisible } from '../../api/visible.ts'
import { isEnded } from '../../parts/state.tsx'

/** What is known of a workflow. */
export interface WorkflowData {
  /** Undefined: the result backend does not know it. */
  readonly tree: WorkflowTree | undefined
  /** The newest first. */
  readonly jobs: readonly RecordedJobDocument[]
  /** It has more recorded jobs than were loaded. */
  readonly isCut: boolean
  /** Why one of the two could not be read. */
  readonly problem: Error | undefined
}

/** Jobs of one request, and of one workflow. */
const PAGE = 1000
const MAX_JOBS = 20_000
/** The tree is read again at most so often, ms; of a large one reading takes a while. */
const TREE_MS = 1500
/** Without a recorder nothing says that something has changed, ms. */
const POLL_MS = 3000

/** A workflow by its first job, live. What comes first of the tree and of the jobs is shown first. */
export function useWorkflow(id: string): Omit<Resource<WorkflowData>, 'update'> {
  const tree = useResource(async (signal) => ({ tree: await loadTree(id, signal) }), [id])
  const jobs = useResource((signal) => loadJobs(id, signal), [id])
  const reload = async (): Promise<void> => {
    await Promise.all([tree.reload(), jobs.reload()])
  }
  const known = tree.data?.tree
  const isLoading = tree.isLoading || jobs.isLoading
  const again = useAgain(reload, isLoading, isOver(known))
  useLive({
    watch: { watch: 'jobs', root: id },
    // What is on its way may be older than the stream; of what has ended nothing changes.
    begin: () => isOver(known) || again(),
    change: (message) => {
      if (message.kind !== 'jobs') return
      jobs.update((before) => ({ ...before, jobs: withChanges(before.jobs, message.jobs) }))
      if (message.more > 0 || changesTree(known, jobs.data?.jobs, message.jobs)) again()
    },
  })
  usePolling(jobs.error !== undefined && known !== undefined && !isOver(known), reload)
  const data = dataOf(tree, jobs)
  const error = data ? undefined : (jobs.error ?? tree.error)
  return { data, error, isLoading, reload }
}

/** Load again, now and then; what is on its way comes first, so that a large workflow comes at all. */
function useAgain(reload: () => unknown, isLoading: boolean, isDone: boolean): () => void {
  const isAsked = useRef(false)
  const again = useThrottled(reload, TREE_MS)
  useEffect(() => {
    if (isLoading || !isAsked.current) return
    isAsked.current = false
    if (!isDone) again()
  }, [isLoading, again])
  return () => {
    if (isLoading) isAsked.current = true
    else again()
  }
}

interface LoadedTree {
  /** Undefined: the result backend does not know it. */
  readonly tree: WorkflowTree | undefined
}

interface LoadedJobs {
  readonly jobs: readonly RecordedJobDocument[]
  readonly isCut: boolean
}

/** Undefined as long as nothing of it is there, while one of them is on its way. */
function dataOf(tree: Resource<LoadedTree>, jobs: Resource<LoadedJobs>): WorkflowData | undefined {
  const isAll = (tree.data || tree.error) && (jobs.data || jobs.error)
  if (!tree.data?.tree && !jobs.data?.jobs.length && !(isAll && jobs.data)) return undefined
  return {
    tree: tree.data?.tree,
    jobs: jobs.data?.jobs ?? NO_JOBS,
    isCut: jobs.data?.isCut ?? false,
    problem: jobs.error ?? tree.error,
  }
}

/** The same list each time: what is made of it is made once. */
const NO_JOBS: readonly RecordedJobDocument[] = []

function isOver(tree: WorkflowTree | undefined): boolean {
  return tree !== undefined && isEnded(tree.state) && tree.done === tree.total
}

/** While nothing says that something has changed, ask. */
function usePolling(isNeeded: boolean, reload: () => Promise<void>): void {
  const isOn = useValue(isVisible) && isNeeded
  useEffect(() => {
    if (!isOn) return
    const timer = setInterval(() => void reload(), POLL_MS)
    return () => clearInterval(timer)
  }, [isOn])
}

/** Undefined where the result backend does not know it, as of a canvas of Python that has only begun. */
async function loadTree(id: string, signal: AbortSignal): Promise<WorkflowTree | undefined> {
  try {
    return await client.workflow(id, { signal })
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 404 || error.status === 410)) return undefined
    throw error
  }
}

async function loadJobs(root: string, signal: AbortSignal): Promise<LoadedJobs> {
  const jobs: RecordedJobDocument[] = []
  let cursor: string | undefined
  do {
    const page = await client.recorded.jobs({ root, limit: PAGE, cursor, signal })
    jobs.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined && jobs.length < MAX_JOBS)
  return { jobs, isCut: cursor !== undefined }
}

function withChanges(
  jobs: readonly RecordedJobDocument[],
  changed: readonly RecordedJobDocument[],
): readonly RecordedJobDocument[] {
  const left = new Map(changed.map((job) => [job.id, job]))
  const kept = jobs.map((job) => {
    const newer = left.get(job.id)
    left.delete(job.id)
    return newer ?? job
  })
  return [...left.values(), ...kept]
}

/** What a job has sent is known once it has ended; one that is not in the tree has just been sent. */
function changesTree(
  tree: WorkflowTree | undefined,
  jobs: readonly RecordedJobDocument[] | undefined,
  changed: readonly RecordedJobDocument[],
): boolean {
  if (!tree) return jobs?.length === 0
  const known = new Set(tree.nodes.map(({ id }) => id))
  return changed.some(({ id, state }) => isEnded(state) || !known.has(id))
}
