import { REVOKED } from '../../protocol/states.ts'
import type { Request } from './request.ts'
import type { WorkerContext } from './workerContext.ts'

/**
 * A job that was dropped to make room in its queue (`Broker.takeOldest`) comes back where the process that dropped it
 * died between its record and its message. True where the record says so: then the message is acknowledged here, and
 * nothing else is written, as what follows was sent before the record. Where the record cannot be read now, it runs.
 */
export async function isDropped(request: Request, { app, stores }: WorkerContext): Promise<boolean> {
  const { id, facts, delivery } = request
  const [known] = await stores.backend.load([id]).catch((error: unknown) => {
    app.signals.emit('worker:error', { error, doing: `reading the record of task ${id}` })
    return []
  })
  if (known?.status !== REVOKED) return false
  request.settled = true
  if (await delivery.ack()) app.signals.emit('task:revoked', { ...facts, reason: 'revoked' })
  return true
}
