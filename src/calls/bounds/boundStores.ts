import type { FollowUp } from '../../backend/followUp.ts'
import type { Config } from '../../config/config.ts'
import type { QueueBounds } from '../../config/queueOptions.ts'
import { ConfigError } from '../../std/errors.ts'
import type { RevokingStores } from '../revoke.ts'
import { BoundedUnitOfWork } from './boundedUnitOfWork.ts'
import { FullQueueLog } from './fullQueueLog.ts'
import { OldestJobs } from './oldestJobs.ts'
import { RoomCheck } from './roomCheck.ts'

/** What an app says of its queues. */
export interface BoundsHost {
  readonly boundOf: QueueBounds
  /** What follows from the end of a job that is dropped. */
  followUps(): readonly FollowUp[]
  config(): Config
}

/**
 * The same stores, whose submissions are bounded. Rejects with ConfigError where the oldest jobs are to be dropped and
 * the broker cannot take them out of their queue; then the stores are closed.
 */
export async function boundStores<Stores extends RevokingStores & { close(): Promise<void> }>(
  stores: Stores,
  { boundOf, followUps, config }: BoundsHost,
): Promise<Stores> {
  const { broker, unitOfWork } = stores
  const { queues, onFull, maxQueueLength, queue, clock } = config()
  const names = [...Object.keys(queues), ...(maxQueueLength > 0 ? [queue] : [])]
  const dropping = names.find((name) => boundOf(name)?.onFull === 'drop-oldest')
  const drops = dropping !== undefined || (maxQueueLength > 0 && onFull === 'drop-oldest')
  if (drops && !(broker.oldest && broker.take)) {
    await stores.close()
    throw new ConfigError(
      `queue ${dropping ?? queue}: onFull: expected 'reject', as ${broker.url} takes no job out of its queue, got 'drop-oldest'`,
    )
  }
  const bounded = new BoundedUnitOfWork(unitOfWork, {
    backend: stores.backend,
    boundOf,
    now: () => clock.now(),
    log: new FullQueueLog(() => config().logger),
    room: unitOfWork.atomic ? undefined : new RoomCheck(broker),
    oldest: drops ? new OldestJobs(stores, followUps(), clock) : undefined,
  })
  return { ...stores, unitOfWork: bounded }
}
