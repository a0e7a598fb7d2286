import type { LiveJobsDocument, LiveResetDocument } from '../../../protocol/liveDocument.ts'
import type { ChangeQuery, Recording } from '../../../recorder/recording.ts'
import { recordedDocument } from '../recorded.ts'
import { message, type Part } from './part.ts'

/** ms between two messages, and between two looks where nothing that fits has changed. */
const INTERVAL_MS = 100
const IDLE_MS = 10

/** The jobs that change. `after`: number of the last change that the client has; `base`: as its URLs begin. */
export function jobPart(
  recording: Recording,
  query: Omit<ChangeQuery, 'after'>,
  { after, base }: { readonly after: number; readonly base: string },
): Part {
  let position = after
  let isOpen = false
  return {
    subject: 'jobs',
    interval: INTERVAL_MS,
    idle: IDLE_MS,
    isRecorded: true,
    async read(isWanted) {
      const { jobs, more, last, isMissed } = await recording.changes({ ...query, after: position })
      const before = position
      position = last
      const isFirst = !isOpen
      isOpen = true
      if (isMissed) return message('reset', { after: before, before: last + 1 } satisfies LiveResetDocument, last)
      // The first one says where the client goes on when the stream breaks off.
      if (jobs.length === 0 && !isFirst && !isWanted) return undefined
      const document: LiveJobsDocument = { jobs: jobs.map((job) => recordedDocument(job, base)), more }
      return message('jobs', document, last)
    },
  }
}
