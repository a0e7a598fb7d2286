import type { App } from '../app/app.ts'

/**
 * Let this process record, where the app wants it, or where it leaves that to the command (`isDefault`). Ends with
 * `app.close`. Never rejects: a recorder that cannot run is reported, and stops nothing.
 */
export async function startRecorder(app: App, isDefault = false): Promise<void> {
  const { mode } = app.config.recorder
  if (mode === 'off' || (mode === 'asked' && !isDefault)) return
  const { recordWhileOpen } = await import('../recorder/recorder.ts')
  await recordWhileOpen(app)
}
