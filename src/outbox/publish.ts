import type { Submission } from '../backend/unitOfWork.ts'
import type { Stores } from '../calls/stores.ts'
import { calledTask } from '../protocol/envelope.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { PENDING } from '../protocol/states.ts'
import { type Entry, entryOf } from './entry.ts'

/**
 * Publish what a row holds. `isRepeat`: a relay may have published it already. Rejects with DecodeError, and with what
 * the stores refuse.
 */
export async function publish(body: string, isRepeat: boolean, stores: Stores): Promise<void> {
  const entry = entryOf(body)
  if ('note' in entry) await stores.backend.notes?.put(entry.note)
  else if (entry.submissions.length === 1 && !entry.opens)
    await publishOne(entry.submissions[0] as Submission, isRepeat, stores)
  else await publishGroup(entry, isRepeat, stores)
}

async function publishOne(submission: Submission, isRepeat: boolean, stores: Stores): Promise<void> {
  const { unitOfWork } = stores
  // Record and message are one write: where the record is, the message was sent.
  const isKnown = unitOfWork.atomic && submission.meta !== undefined
  if (!isRepeat || isKnown) {
    await unitOfWork.submit(isKnown ? { ...submission, once: true } : submission)
    return
  }
  const [left] = await unsent([submission], stores)
  // The record may be that of a relay which died before the message.
  if (left) await unitOfWork.submit({ ...left, once: false })
}

async function publishGroup(
  { submissions, opens = [] }: Extract<Entry, { submissions: unknown }>,
  isRepeat: boolean,
  stores: Stores,
): Promise<void> {
  const { unitOfWork } = stores
  const left = isRepeat ? await unsent(submissions, stores) : submissions
  if (left.length === 0 || (unitOfWork.atomic && left.length < submissions.length)) return
  if (unitOfWork.submitGroup) await unitOfWork.submitGroup(left, opens)
  else await Promise.all(left.map((submission) => unitOfWork.submit(submission)))
}

/** Those of which no record shows that they were sent. */
async function unsent(submissions: readonly Submission[], stores: Stores): Promise<readonly Submission[]> {
  const { unitOfWork, backend } = stores
  const ids = submissions.map(
    ({ meta, message }) => meta && (meta.task_id ?? (message && calledTask(message.envelope))),
  )
  const known = await backend.load(ids.filter((id) => id !== undefined))
  const records = new Map<string, TaskMeta>(known.flatMap((meta) => (meta ? [[meta.task_id, meta]] : [])))
  return submissions.filter((_, at) => {
    const record = records.get(ids[at] ?? '')
    return record === undefined || (!unitOfWork.atomic && record.status === PENDING)
  })
}
