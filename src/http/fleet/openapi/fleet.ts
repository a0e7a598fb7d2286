import type { JsonSchema } from '../../../std/jsonSchema.ts'
import type { Answers } from '../../openapi/answers.ts'
import { ALERT_SCHEMAS, alertPaths } from './alerts.ts'
import { AUDIT_SCHEMAS, auditPaths } from './audit.ts'
import { DOCTOR_SCHEMAS, doctorPaths } from './doctor.ts'
import { LIVE_SCHEMAS, livePaths } from './live.ts'
import { QUEUE_SCHEMAS, queuePaths } from './queues.ts'
import { RECORDED_SCHEMAS, recordedPaths } from './recorded.ts'
import { RECORDED_WORKFLOW_SCHEMAS } from './recordedWorkflows.ts'
import { SCHEDULE_SCHEMAS, schedulePaths } from './schedules.ts'
import { WORKER_SCHEMAS, workerPaths } from './workers.ts'

/** The documents of a fleet's resources. */
export const FLEET_SCHEMAS: JsonSchema = {
  ...QUEUE_SCHEMAS,
  ...WORKER_SCHEMAS,
  ...SCHEDULE_SCHEMAS,
  ...DOCTOR_SCHEMAS,
  ...RECORDED_SCHEMAS,
  ...RECORDED_WORKFLOW_SCHEMAS,
  ...LIVE_SCHEMAS,
  ...ALERT_SCHEMAS,
  ...AUDIT_SCHEMAS,
}

/** Their paths. */
export function fleetPaths(base: string, answers: Answers): JsonSchema {
  return {
    ...queuePaths(base, answers),
    ...workerPaths(base, answers),
    ...schedulePaths(base, answers),
    ...doctorPaths(base, answers),
    ...recordedPaths(base, answers),
    ...alertPaths(base, answers),
    ...livePaths(base, answers),
    ...auditPaths(base, answers),
  }
}
