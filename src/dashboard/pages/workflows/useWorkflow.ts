import { useEffect } from 'preact/hooks'
import { ProblemError } from '../../../client/problem.ts'
import type { RecordedJobDocument } from '../../../protocol/recordedDocument.ts'
import type { WorkflowTree } from '../../../protocol/workflowTree.ts'
import { client } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
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
  /** Why one of the two could not be read, while the other one could. */
  readonly problem: Error | undefined
}

/** Jobs of one request, and of one workflow. */
const PAGE = 1000
const MAX_JOBS = 20_000
/** The tree is read again at most so often, ms; of a large one reading takes a while. */
const TREE_MS = 1500
/** Without a recorder nothing says that something has changed, ms. */
const POLL_MS = 3000

/** A workflow by its first job, live. */
export function useWorkflow(id: string): Resource<WorkflowData> {
  const loaded = useResource((signal) => load(id, signal), [id])
  const { data } = loaded
  const again = useThrottled(loaded.reload, TREE_MS)
  useLive({
    watch: { watch: 'jobs', root: id },
    begin: loaded.reload,
    change: (message) => {
      if (message.kind !== 'jobs') return
      loaded.update((known) => ({ ...known, jobs: withChanges(known.jobs, message.jobs) }))
      if (message.more > 0 || changesTree(loaded.data, message.jobs)) again()
    },
  })
  const isBlind = data?.problem !== undefined && data.tree !== undefined && !isEnded(data.tree.state)
  const isPolled = isBlind && isVisible.value
  useEffect(() => {
    if (!isPolled) return
    const timer = setInterval(again, POLL_MS)
    return () => clearInterval(timer)
  }, [isPolled, again])
  return loaded
}

async function load(id: string, signal: AbortSignal): Promise<WorkflowData> {
  const [tree, recorded] = await Promise.allSettled([loadTree(id, signal), loadJobs(id, signal)])
  if (recorded.status === 'rejected' && (tree.status === 'rejected' || tree.value === undefined)) throw recorded.reason
  const problem =
    tree.status === 'rejected' ? tree.reason : recorded.status === 'rejected' ? recorded.reason : undefined
  return {
    tree: tree.status === 'fulfilled' ? tree.value : undefined,
    jobs: recorded.status === 'fulfilled' ? recorded.value.jobs : [],
    isCut: recorded.status === 'fulfilled' && recorded.value.isCut,
    problem: problem as Error | undefined,
  }
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

async function loadJobs(
  root: string,
  signal: AbortSignal,
): Promise<{ readonly jobs: readonly RecordedJobDocument[]; readonly isCut: boolean }> {
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
function changesTree(data: WorkflowData | undefined, jobs: readonly RecordedJobDocument[]): boolean {
  if (!data?.tree) return data?.jobs.length === 0
  const known = new Set(data.tree.nodes.map(({ id }) => id))
  return jobs.some(({ id, state }) => isEnded(state) || !known.has(id))
}
