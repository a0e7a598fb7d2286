import type { StoreFacts } from '../app/storeInfo.ts'
import type { Check } from './checks.ts'
import type { Fleet } from './fleet.ts'
import { type ReadClock, skewOf } from './skew.ts'
import { joined, STORE_CHECKS } from './stores.ts'

/** What the checks look at that concern all jobs. */
export interface Surroundings {
  readonly fleet: Fleet
  /** Read between two moments of this process. */
  readonly stores: readonly (StoreFacts & Omit<ReadClock, 'time'>)[]
  /** Of this program. */
  readonly version: string
}

export const SURROUNDING_CHECKS: readonly Check<Surroundings>[] = [
  ...STORE_CHECKS,
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
