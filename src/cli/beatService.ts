import type { App } from '../app/app.ts'
import type { Beat } from '../beat/beat.ts'
import { schedulesOf } from '../beat/schedules.ts'
import { codeOf } from '../std/thrown.ts'

/** Options of the commands that can run a beat beside what they do. */
export interface BeatCommandOptions {
  beat?: boolean
}

/**
 * A beat that runs, and logs what it does. Rejects with ConfigError, or StoreUnavailableError when the store does not
 * answer.
 */
export async function startBeat(app: App): Promise<Beat> {
  const { Beat } = await import('../beat/beat.ts')
  const beat = new Beat(app)
  await beat.start()
  return beat
}

/**
 * The same where the command line does not require a beat: none where the stores can keep no schedule and the code has
 * none.
 */
export async function startBeatIfUseful(app: App): Promise<Beat | undefined> {
  const schedules = schedulesOf(app)
  try {
    await schedules.store()
  } catch (error) {
    if (codeOf(error) === 'INVALID_CONFIG' && !schedules.defines) return undefined
    throw error
  }
  return startBeat(app)
}
