import type { StoreFacts } from '../../app/storeInfo.ts'
import type { Check } from './checks.ts'
import type { Fleet } from './fleet.ts'
import { type ReadClock, skewOf } from './skew.ts'

/** What the checks look at that concern all jobs. */
export interface Surroundings {
  readonly fleet: Fleet
  /** Read between two moments of this process. */
  readonly stores: readonly (StoreFacts & Omit<ReadClock, 'time'>)[]
  /** Of this program. */
  readonly version: string
}

/** A store with less free space is reported, bytes. */
const MIN_FREE = 100 * 2 ** 20
/** A store that uses a larger share of its memory is reported. */
const MAX_SHARE = 0.95

export const SURROUNDING_CHECKS: readonly Check<Surroundings>[] = [
  [
    'store-full',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, free, memory }) => {
          if (free !== undefined && free < MIN_FREE)
            return `${store} has ${megabytes(free)} left in its file system: make room, or what is sent will be refused`
          if (memory && memory.limit > 0 && memory.used > memory.limit * MAX_SHARE)
            return `${store} uses ${megabytes(memory.used)} of its maxmemory of ${megabytes(memory.limit)}: raise it, or remove what is not needed`
          return []
        }),
      ),
  ],
  [
    'store-evicts',
    ({ stores }) =>
      joined(
        stores.flatMap(({ store, memory }) =>
          memory && memory.limit > 0 && memory.policy !== 'noeviction'
            ? `${store} drops tasks and results when its memory is full (maxmemory-policy ${memory.policy}): set it to noeviction`
            : [],
        ),
      ),
  ],
  [
    'clock-skew',
    ({ fleet, stores }) =>
      joined(
        [
          ...stores.flatMap(({ store, now, ...read }) =>
            now === undefined ? [] : skewText(store, { ...read, time: now }),
          ),
          ...[...fleet.about].flatMap(([worker, read]) => skewText(worker, read)),
        ],
        ': times of day, delays and leases are compared between machines: synchronize them (NTP)',
      ),
  ],
  [
    'version',
    ({ fleet, version }) =>
      joined(
        [...fleet.about].flatMap(([worker, about]) =>
          about.version === version ? [] : `${worker} runs celeriac ${about.version}`,
        ),
        `; this is ${version}: a mixture is for the time of a deploy alone`,
      ),
  ],
  [
    'quiet',
    ({ fleet }) =>
      joined(
        [...fleet.about].flatMap(([worker, { ready, quiet, reason }]) => {
          if (quiet) return `${worker} takes no tasks since it was quieted: celeriac control resume -d ${worker}`
          return ready ? [] : `${worker} takes no tasks now: ${reason}`
        }),
      ),
  ],
]

function skewText(name: string, read: ReadClock): string | [] {
  const skew = skewOf(read)
  if (skew === undefined) return []
  return `the clock of ${name} is at least ${(Math.abs(skew) / 1000).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's`
}

function joined(texts: readonly string[], end = ''): string | undefined {
  return texts.length === 0 ? undefined : `${texts.join('; ')}${end}`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`
}
