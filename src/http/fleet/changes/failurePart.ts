import type { LiveFailuresDocument } from '../../../protocol/liveDocument.ts'
import type { FailureQuery, Recording } from '../../../recorder/recording.ts'
import type { Clock } from '../../../std/clock.ts'
import { failureDocument } from '../failures.ts'
import { message, type Part } from './part.ts'

const INTERVAL_MS = 1000
/** Groups that are compared, the last seen. */
const MAX_GROUPS = 200
/** Groups that were seen in this time are sent first, ms; the second to a client that comes back. */
const RECENT_MS = 15_000
const RESUMED_MS = 300_000

/** The groups of failures that are new, or seen again. `isResumed`: the client was there before. */
export function failurePart(
  recording: Recording,
  query: Pick<FailureQuery, 'tasks' | 'owner' | 'q'>,
  { clock, isResumed }: { readonly clock: Clock; readonly isResumed: boolean },
): Part {
  /** What each was when it was compared last, as JSON. */
  let known: ReadonlyMap<string, string> | undefined
  return {
    subject: 'failures',
    interval: INTERVAL_MS,
    idle: INTERVAL_MS,
    isRecorded: true,
    async read(isWanted) {
      const { groups } = await recording.failures({ ...query, limit: MAX_GROUPS })
      const recent = clock.now() - (isResumed ? RESUMED_MS : RECENT_MS)
      const before = known
      known = new Map(groups.map((group) => [group.fingerprint, JSON.stringify(group)]))
      const changed = groups.filter((group) =>
        before ? before.get(group.fingerprint) !== known?.get(group.fingerprint) : group.lastAt >= recent,
      )
      if (changed.length === 0 && !isWanted) return undefined
      return message('failures', { changed: changed.map(failureDocument) } satisfies LiveFailuresDocument)
    },
  }
}
