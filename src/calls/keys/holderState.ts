import type { FoundMessage } from '../../broker/broker.ts'
import type { UniqueRule } from '../../config/task/onceOptions.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal, PENDING } from '../../protocol/states.ts'
import type { OpenStores } from '../../stores/open.ts'
import type { Holder } from './guard.ts'

type HolderStores = Pick<OpenStores, 'broker' | 'backend'>

/** A message of a job that has begun: a worker has it, or had it. */
export function hasBegun({ place, lost, envelope }: FoundMessage): boolean {
  const { retries } = envelope.headers
  return place === 'held' || lost > 0 || (typeof retries === 'number' && retries > 0)
}

/**
 * True where a job has its key no more. Its own state is asked, as jobs end in many ways: nothing has to be written
 * when one does.
 */
export async function isFree(
  holder: Holder,
  phase: Exclude<UniqueRule['while'], number>,
  stores: HolderStores,
  now: number,
): Promise<boolean> {
  const meta = await recordOf(holder, stores)
  if (meta && isFinal(meta.status)) return true
  if (meta && phase === 'until-done') return false
  if (meta && phase === 'queued' && meta.status !== PENDING) return true
  const found = await stores.broker.find?.(holder.id, meta?.queue ?? holder.queue)
  if (found) return phase === 'queued' ? hasBegun(found) : phase === 'running' && isLost(found, now)
  // It may have ended between the two reads.
  const later = await recordOf(holder, stores)
  if (!later) return true
  return isFinal(later.status) || (phase === 'queued' && later.status !== PENDING)
}

async function recordOf({ id }: Holder, { backend }: HolderStores): Promise<TaskMeta | undefined> {
  const [meta] = await backend.load([id])
  return meta
}

/** Its worker died, or its lease has ended. */
function isLost({ place, lost, leaseEnds }: FoundMessage, now: number): boolean {
  return lost > 0 || (place === 'held' && leaseEnds !== undefined && leaseEnds < now)
}
