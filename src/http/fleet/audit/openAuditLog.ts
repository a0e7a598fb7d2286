import type { App } from '../../../app/app.ts'
import type { Recording } from '../../../recorder/recording.ts'

/** Where the entries are kept. */
export type AuditLog = Pick<Recording, 'audit' | 'auditLog'>

/**
 * The audit log is in the file of the app's recorder, whether that records or not. Undefined with `recorder: false`.
 */
export async function openAuditLog(app: App): Promise<AuditLog | undefined> {
  if (app.config.recorder.mode === 'off') return undefined
  const { recorderOf } = await import('../../../recorder/recorder.ts')
  const recorder = await recorderOf(app)
  // A file that cannot be opened is found before the first change.
  await recorder.auditLog({ limit: 1 })
  return recorder
}
