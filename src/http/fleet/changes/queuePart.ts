import type { App } from '../../../app/app.ts'
import type { LiveQueuesDocument } from '../../../protocol/liveDocument.ts'
import type { QueueDocument } from '../../../protocol/queueDocument.ts'
import { liveQueues } from '../live/queueView.ts'
import { Listed, NO_CHANGES } from './listed.ts'
import { message, type Part } from './part.ts'

/** A little more than an answer about the queues is used again, ms. */
const INTERVAL_MS = 1050

/** The queues whose numbers change. */
export function queuePart(app: App): Part {
  const listed = new Listed<QueueDocument>((one, other) => keyOf(one) === keyOf(other))
  let totals: string | undefined
  return {
    subject: 'queues',
    interval: INTERVAL_MS,
    idle: INTERVAL_MS,
    isRecorded: false,
    async read(isWanted) {
      const { queues, ...others } = await liveQueues(app)
      const changes = listed.changes(queues)
      const before = totals
      totals = JSON.stringify(others)
      if (!changes && totals === before && !isWanted) return undefined
      const document: LiveQueuesDocument = { ...(changes ?? NO_CHANGES), ...others }
      return message('queues', document)
    },
  }
}

/** That a message grows older is no change. */
function keyOf({ oldestAge: _, ...queue }: QueueDocument): string {
  return JSON.stringify(queue)
}
