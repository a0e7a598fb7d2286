import type { JsonSchema } from '../../../std/jsonSchema.ts'
import type { Answers } from '../../openapi/answers.ts'
import { AUDIT_SCHEMAS, auditPaths } from './audit.ts'
import { DOCTOR_SCHEMAS, doctorPaths } from './doctor.ts'
import { QUEUE_SCHEMAS, queuePaths } from './queues.ts'
import { ALERT_SCHEMAS, RECORDED_SCHEMAS, recordedPaths } from './recorded.ts'
import { SCHEDULE_SCHEMAS, schedulePaths } from './schedules.ts'
import { WORKER_SCHEMAS, workerPaths } from './workers.ts'

/** The documents of a fleet's resources. */
export const FLEET_SCHEMAS: JsonSchema = {
  ...QUEUE_SCHEMAS,
  ...WORKER_SCHEMAS,
  ...SCHEDULE_SCHEMAS,
  ...DOCTOR_SCHEMAS,
  ...RECORDED_SCHEMAS,
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
    ...auditPaths(base, answers),
  }
}
