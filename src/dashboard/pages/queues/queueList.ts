import { useState } from 'preact/hooks'
import type { QueueDocument, QueueListDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { liveState, merged, useLive } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { useValue } from '../../api/signal.ts'

/** Without live changes the list is loaded so often, ms. */
const RELOAD_MS = 5000

export interface LiveQueues extends Resource<QueueListDocument> {
  /** Why the changes cannot be read now. */
  readonly trouble: string | undefined
}

/** All queues, as they are now. */
export function useQueues(): LiveQueues {
  const [trouble, setTrouble] = useState<string>()
  const options = useValue(liveState) === 'broken' ? { every: RELOAD_MS } : {}
  const queues = useResource((signal) => client.queues.list({ signal }), [], options)
  useLive({
    watch: { watch: 'queues' },
    begin: queues.reload,
    change: (message) => {
      if (message.kind === 'problem') setTrouble(message.detail)
      if (message.kind !== 'queues') return
      setTrouble(undefined)
      const { changed, gone, delayed, held } = message
      queues.update(({ queues: list }) => ({
        queues: merged(list, changed, gone, ({ name }) => name).toSorted(byName),
        ...(delayed !== undefined && { delayed }),
        ...(held !== undefined && { held }),
      }))
    },
  })
  return { ...queues, trouble }
}

function byName(one: QueueDocument, other: QueueDocument): number {
  return one.name < other.name ? -1 : 1
}
