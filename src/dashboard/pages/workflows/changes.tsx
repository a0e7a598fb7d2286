import { ProblemError } from '../../../client/problem.ts'
import { client } from '../../api/client.ts'
import { go, to } from '../../app/location.ts'
import { confirm } from '../../parts/ask/confirm.tsx'
import { counted } from '../../parts/text/format.ts'
import { visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'
import type { FlowNode } from './flow/model.ts'

/** Ask, and revoke all of a workflow that has not ended. True: it was done. Rejects with why it could not be. */
export async function revokeWorkflow(root: string, open: number): Promise<boolean> {
  const isWanted = await confirm({
    title: 'Revoke this workflow?',
    text: (
      <>
        <p>{counted(open, 'job has', 'jobs have')} not ended.</p>
        <p>Those that wait, or are not sent yet, never run. Those that run are asked to stop.</p>
      </>
    ),
    action: 'Revoke the workflow',
  })
  if (!isWanted) return false
  const isStored = await revokeStored(root)
  const revoked = await revokeRecorded(root)
  if (!isStored && revoked === 0) notify('Nothing of it had to be revoked: it has ended')
  else notify('The workflow was revoked')
  return true
}

/** By the tree that the result backend has, also what is not sent yet. False: it has ended, or there is none. */
async function revokeStored(root: string): Promise<boolean> {
  try {
    await client.cancel(root, { tree: true })
    return true
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 404 || error.status === 409)) return false
    throw error
  }
}

/** What the recorder has seen, also of Python. Returns how many jobs had not ended. */
async function revokeRecorded(root: string): Promise<number> {
  let revoked = 0
  let cursor: string | undefined
  do {
    const page = await client.recorded.revokeJobs({ root, cursor })
    revoked += page.revoked
    cursor = page.cursor
  } while (cursor !== undefined)
  return revoked
}

/** Ask, and submit a job of a workflow once more, alone. True: it was done. Rejects with why it could not be. */
export async function retryJob({ id, task }: FlowNode): Promise<boolean> {
  const isWanted = await confirm({
    title: 'Retry this job?',
    text: (
      <>
        <p>
          {task === null ? 'The job' : visible(task.slice(0, 200))} is submitted once more, as a new job with the same
          input.
        </p>
        <p>
          The new job is not part of this workflow. The steps after this job, and a chord that waits for it, stay as
          they are: to run them, too, send the workflow again.
        </p>
      </>
    ),
    action: 'Retry the job',
    kind: 'primary',
  })
  if (!isWanted) return false
  const job = await client.job(id).retry()
  notify('Submitted as a new job')
  go(to(['jobs', job.id]))
  return true
}
