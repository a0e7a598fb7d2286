import { existsSync } from 'node:fs'
import type { App } from '../app/app.ts'
import type { ForgetFilter } from '../calls/jobs/forgetJobs.ts'
import { ConfigError } from '../std/errors.ts'
import { IN_MEMORY, recorderFileOf } from './place.ts'
import { openRecorderOf, recorderOf } from './recorder.ts'

/**
 * Remove jobs from the record that is on this machine, whether a recorder runs or not. Rejects with
 * StoreUnavailableError.
 */
export async function forgetHere(app: App, filters: readonly ForgetFilter[]): Promise<void> {
  const { recorder: options } = app.config
  const file = options.mode === 'off' ? IN_MEMORY : recorderFileOf(app.config)
  const isThere = file === IN_MEMORY ? openRecorderOf(app) !== undefined : existsSync(file)
  if (!isThere) return
  const recorder = await recorderOf(app)
  try {
    for (const filter of filters) await recorder.forget(filter, { ended: filter.ids === undefined })
  } catch (error) {
    // It is the file of another fleet, or of a later version: a recorder says so where it is started.
    if (!(error instanceof ConfigError)) throw error
    app.config.logger.warn({ err: error }, `the recorder's file was not changed: ${error.message}`)
  }
}
