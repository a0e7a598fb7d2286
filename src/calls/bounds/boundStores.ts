import type { KeepingCaps } from '../../backend/bounds/keeping.ts'
import type { FollowUp } from '../../backend/followUp.ts'
import type { UnitOfWork } from '../../backend/unitOfWork.ts'
import { hasPriorities } from '../../broker/queueOptions.ts'
import type { Config } from '../../config/config.ts'
import type { QueueBounds } from '../../config/queueOptions.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { ConfigError } from '../../std/errors.ts'
import type { RevokingStores } from '../revoke.ts'
import { BoundedUnitOfWork } from './boundedUnitOfWork.ts'
import { BoundsWatch } from './boundsWatch.ts'
import { capOption, type QueueSizes } from './boundUses.ts'
import { FullQueueLog } from './fullQueueLog.ts'
import { dropsOldest, OldestJobs } from './oldestJobs.ts'
import { RoomCheck } from './roomCheck.ts'

/** What an app says of its bounds. */
export interface BoundsHost {
  readonly boundOf: QueueBounds | undefined
  readonly caps: KeepingCaps | undefined
  /** What follows from the end of a job that is dropped. */
  followUps(): readonly FollowUp[]
  config(): Config
}

/**
 * The same stores, within bounds. Rejects with ConfigError where they cannot be kept there: then the stores are closed.
 */
export async function boundStores<Stores extends RevokingStores & { close(): Promise<void> }>(
  stores: Stores,
  host: BoundsHost,
): Promise<Stores> {
  const problem = problemOf(stores, host)
  if (problem !== undefined) {
    await stores.close()
    throw new ConfigError(problem)
  }
  const watch = new BoundsWatch({ stores, ...host })
  watch.start()
  const close = async (): Promise<void> => {
    watch.close()
    await stores.close()
  }
  return { ...stores, unitOfWork: boundedUnitOfWork(stores, host), close }
}

function boundedUnitOfWork(stores: RevokingStores, { boundOf, followUps, config }: BoundsHost): UnitOfWork {
  const { broker, backend, unitOfWork } = stores
  if (!boundOf) return unitOfWork
  const { clock } = config()
  return new BoundedUnitOfWork(unitOfWork, {
    broker,
    backend,
    boundOf,
    now: () => clock.now(),
    log: new FullQueueLog(() => config().logger),
    room: unitOfWork.atomic ? undefined : new RoomCheck(broker, sentBytes(broker, config())),
    oldest: dropsOldest(broker) ? new OldestJobs(stores, followUps(), clock) : undefined,
  })
}

/** Of a message, before its input is sealed, or put elsewhere: about what will wait. */
function sentBytes({ bytes }: QueueSizes, { codec, payloads }: Config): (envelope: Envelope) => number {
  return (envelope) => {
    const plain = bytes?.of(envelope) ?? 0
    const sealed = codec ? plain * SEALED_FACTOR : plain
    if (!payloads || sealed <= payloads.threshold) return Math.ceil(sealed)
    return (bytes?.of({ ...envelope, body: '' }) ?? 0) + REFERENCE_BYTES
  }
}
/** A sealed input is base64. */
const SEALED_FACTOR = 4 / 3
/** About what refers to an input that is kept elsewhere. */
const REFERENCE_BYTES = 250

function problemOf({ broker, backend }: RevokingStores, { boundOf, caps, config }: BoundsHost): string | undefined {
  const option = caps && capOption(caps)
  if (option !== undefined && !backend.rows) return `${option}: expected none, as ${backend.url} stores no results`
  const { queues, queue, onFull, maxQueueLength, maxQueueBytes } = config()
  const named = [queue, ...Object.keys(queues)]
  const sized = named.find((name) => boundOf?.(name)?.bytes !== undefined)
  if (!broker.bytes && (sized !== undefined || maxQueueBytes > 0))
    return `queue ${sized ?? queue}: maxQueueBytes: expected none, as ${broker.url} does not say how many bytes wait: bound it there, by a policy with max-length-bytes and overflow: reject-publish`
  const dropping = named.filter((name) => boundOf?.(name)?.onFull === 'drop-oldest')
  if (dropsOldest(broker)) {
    const urgent = broker.takeOldest && dropping.find((name) => hasPriorities(queues[name]))
    return urgent && refusal(urgent, `${broker.url} gives the most urgent message of a queue with maxPriority first`)
  }
  const [first] = dropping
  if (first === undefined && (maxQueueLength === 0 || onFull === 'reject')) return undefined
  return refusal(first ?? queue, `${broker.url} takes no job out of its queue`)
}

function refusal(queue: string, why: string): string {
  return `queue ${queue}: onFull: expected 'reject', as ${why}, got 'drop-oldest'`
}
