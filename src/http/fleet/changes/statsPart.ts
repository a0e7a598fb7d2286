import type { LiveStatsDocument } from '../../../protocol/liveDocument.ts'
import type { Recording, StatsPoint, StatsQuery } from '../../../recorder/recording.ts'
import type { Clock } from '../../../std/clock.ts'
import { pointDocument } from '../stats.ts'
import { message, type Part } from './part.ts'

const INTERVAL_MS = 1000
/** Events of a worker may come late: steps that are so much older than the newest one may still change, ms. */
const OPEN_MS = 15_000
/** What is older is never read, also where a client comes back; others begin with steps of this age, ms. */
const MAX_AGE_MS = 300_000
const FIRST_AGE_MS = 30_000
/** Clocks of workers may be ahead, ms. */
const AHEAD_MS = 60_000

/** The steps of a second whose numbers change. `isResumed`: the client was there before. */
export function statsPart(
  recording: Recording,
  query: Pick<StatsQuery, 'by' | 'names' | 'owner'>,
  { clock, isResumed }: { readonly clock: Clock; readonly isResumed: boolean },
): Part {
  /** What was sent, as JSON, by series and moment. */
  const sent = new Map<string, Map<number, string>>()
  /** When the newest step begins. */
  let newest = Math.floor(clock.now()) - (isResumed ? MAX_AGE_MS : FIRST_AGE_MS)
  return {
    subject: 'stats',
    interval: INTERVAL_MS,
    idle: INTERVAL_MS,
    isRecorded: true,
    async read(isWanted) {
      const now = Math.floor(clock.now())
      const from = Math.max(0, now - MAX_AGE_MS, Math.min(now, newest) - OPEN_MS)
      const stats = await recording.stats({ ...query, from, to: now + AHEAD_MS, step: '1s' })
      const series = stats.series.flatMap(({ name, points }) => {
        const known = sent.get(name) ?? new Map<number, string>()
        sent.set(name, known)
        newest = Math.max(newest, points.at(-1)?.at ?? 0)
        const changed = points.filter((point) => isChanged(known, point))
        return changed.length > 0 ? [{ name, points: changed.map(pointDocument) }] : []
      })
      forget(sent, from - INTERVAL_MS)
      if (series.length === 0 && !isWanted) return undefined
      return message('stats', { step: '1s', series } satisfies LiveStatsDocument)
    },
  }
}

function isChanged(known: Map<number, string>, point: StatsPoint): boolean {
  const text = JSON.stringify(point)
  if (known.get(point.at) === text) return false
  known.set(point.at, text)
  return true
}

/** What does not change any more. */
function forget(sent: Map<string, Map<number, string>>, before: number): void {
  for (const [name, points] of sent) {
    for (const at of points.keys()) if (at < before) points.delete(at)
    if (points.size === 0) sent.delete(name)
  }
}
