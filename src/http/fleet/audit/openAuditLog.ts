import type { App } from '../../../app/app.ts'
import type { AuditLog } from './auditor.ts'

/** The audit log is in the file of the app's recorder. */
export async function openAuditLog(_app: App): Promise<AuditLog | undefined> {
  return undefined
}
