/** What is wrong: the evidence, and what to do, in one line. */
export interface FindingDocument {
  /** Its name, for programs; it never changes. */
  readonly check: string
  readonly text: string
}

/** A store, as far as it says so. */
export interface DoctorStoreDocument {
  /** Its URL, without a password. */
  readonly url: string
  /** How far its clock is ahead of the server's at least, ms; below 0: behind. Absent where it may be right. */
  readonly clockSkew?: number
  /** Bytes that are free where it is kept, and that it takes there. */
  readonly free?: number
  readonly size?: number
  /** Bytes in use and allowed (0: no limit), and Redis' `maxmemory-policy`. */
  readonly memory?: { readonly used: number; readonly limit: number; readonly policy: string }
  /** Connections in use and allowed. */
  readonly connections?: { readonly used: number; readonly limit: number }
}

/** A worker of celeriac that answers. Celery's do not know the question. */
export interface DoctorWorkerDocument {
  readonly name: string
  /** Of celeriac. */
  readonly version: string
  /** It takes tasks now. */
  readonly ready: boolean
  /** It takes none because it was asked not to. */
  readonly quiet: boolean
  /** As of a store. */
  readonly clockSkew?: number
}

/** What is wrong with an installation. */
export interface DoctorDocument {
  /** ISO 8601 */
  readonly at: string
  /** Of celeriac, where the server runs. */
  readonly version: string
  readonly findings: readonly FindingDocument[]
  readonly stores: readonly DoctorStoreDocument[]
  readonly workers: readonly DoctorWorkerDocument[]
}

/** Why a job does not run. */
export interface JobDiagnosisDocument {
  readonly id: string
  /** ISO 8601 */
  readonly at: string
  readonly findings: readonly FindingDocument[]
}
