import type { DoctorDocument, JobDiagnosisDocument } from '../../protocol/doctorDocument.ts'
import type { Transport } from '../transport.ts'
import { askFleet, type FleetRequestOptions } from './ask.ts'

/** Asks what is wrong; workers have a second to reply. For viewers. */
export interface DoctorClient {
  (options?: FleetRequestOptions): Promise<DoctorDocument>
  /** Why this job does not run. */
  (id: string, options?: FleetRequestOptions): Promise<JobDiagnosisDocument>
}

export function doctorClient(transport: Transport): DoctorClient {
  const ask = (about: string | FleetRequestOptions = {}, options: FleetRequestOptions = {}): Promise<unknown> =>
    typeof about === 'string'
      ? askFleet(transport, 'GET', `/doctor/jobs/${encodeURIComponent(about)}`, options)
      : askFleet(transport, 'GET', '/doctor', about)
  return ask as DoctorClient
}
