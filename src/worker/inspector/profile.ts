import { setTimeout as sleep } from 'node:timers/promises'
import { inTime } from '../../std/deadline.ts'
import type { InspectorSession } from './session.ts'

/** How long a thread may take to begin or end a profile, ms: one in native code does not answer. */
const ANSWER_LIMIT_MS = 5000

/** A CPU profile of a thread over `time` ms, as the JSON text of a `.cpuprofile` file. Ends the session. */
export async function profileOf(session: InspectorSession, time: number): Promise<string> {
  try {
    await inTime(session.ask('Profiler.enable'), ANSWER_LIMIT_MS)
    await inTime(session.ask('Profiler.start'), ANSWER_LIMIT_MS)
    // V8 gives no name to a loop that was optimized while it ran, before the profile. To begin to count coverage
    // discards all optimized code: now that the profile runs, such a loop is compiled again, with its name.
    await inTime(session.ask('Profiler.startPreciseCoverage'), ANSWER_LIMIT_MS)
    await inTime(session.ask('Profiler.stopPreciseCoverage'), ANSWER_LIMIT_MS)
    const over = sleep(time, undefined, { ref: false })
    await Promise.race(session.ended === undefined ? [over] : [over, session.ended])
    const { profile } = await inTime(session.ask('Profiler.stop'), ANSWER_LIMIT_MS)
    return JSON.stringify(profile)
  } finally {
    // Also ends a profile that was begun. What it answers does not matter.
    session.ask('Profiler.disable').catch(() => undefined)
    session.close()
  }
}
