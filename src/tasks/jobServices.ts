import type { Job } from '../protocol/job.ts'
import type { SignatureData } from '../protocol/signature.ts'
import type { Resources } from './resources.ts'
import type { OpenWait } from './waitTypes.ts'

/** What a running job can do by its app. */
export interface JobServices {
  readonly resources: Resources
  readonly openWait: OpenWait
  /** Send one member more of the header that a job is a member of: `ctx.addToChord`. Resolves to its id. */
  addToChord(job: Job, data: SignatureData, count: number): Promise<string>
}
