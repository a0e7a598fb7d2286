import type { AuditPageDocument } from '../../protocol/auditDocument.ts'
import type { Transport } from '../transport.ts'
import { askFleet, type FleetRequestOptions } from './ask.ts'

/** Which entries of the audit log. */
export interface AuditOptions extends FleetRequestOptions {
  /** Of this identity alone. */
  who?: string | undefined
  /** This action alone, as `queue.purge`. */
  action?: string | undefined
  /** At this moment or later. */
  since?: Date | undefined
  /** Before this moment. */
  until?: Date | undefined
  /** At most so many. Default 50, at most 1000. */
  limit?: number | undefined
  /** Of the page before. */
  cursor?: string | undefined
}

/** Who changed what, or was refused: by page, the newest first. For admins. */
export function listAudit(transport: Transport, options?: AuditOptions): Promise<AuditPageDocument> {
  return askFleet(transport, 'GET', '/audit', options)
}
