import type { App } from '../../app/app.ts'
import { inputNotKept, JobStore } from '../../app/jobStore.ts'
import { isFinal } from '../../protocol/states.ts'

/**
 * Send a job that has ended once more, as a new job with the input, owner and tags that its store keeps: as
 * `POST /v1/jobs/{id}/retry`. Resolves with what became of that, in words. Rejects as a call.
 */
export async function retryJob(app: App, id: string): Promise<string> {
  const info = await app.result(id).info()
  if (info?.task === undefined) return `no record of ${id} names its task`
  if (!isFinal(info.state)) return `${id} has not ended: ${info.state}`
  const jobs = new JobStore(app)
  const metadata = await jobs.metadata(id)
  const input = await jobs.input(id, metadata)
  if (input === undefined) return inputNotKept(id)
  const { args, kwargs } = input
  const { owner, tags } = metadata ?? {}
  const again = await app.send(info.task, args, { kwargs, queue: info.queue, owner, tags, keepInput: true })
  return `sent again as ${again.id}`
}
